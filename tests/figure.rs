//! Figures: what is drawn is what was given, on both pages, and what cannot be drawn is said.

// The functions that several tests share fail by panicking, as tests do.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use pushforward::figure::{Animation, Figure, Picture, Planar, Theme, Values};
use pushforward::rand::{Rng, SeedableRng, rngs::StdRng};
use pushforward::{Error, Result};
use std::fs;

const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

fn cloud(count: usize) -> Vec<[f64; 2]> {
    let mut rng = StdRng::seed_from_u64(7);
    (0..count).map(|_| [rng.gen_range(-2.0..2.0), rng.gen_range(-1.0..1.0)]).collect()
}

/// One figure of each kind of layer.
fn gallery() -> Result<Vec<Figure>> {
    let grid: Vec<[f64; 2]> = (0..64).map(|i| [f64::from(i % 8), f64::from(i / 8)]).collect();
    let arrows: Vec<[f64; 2]> = grid.iter().map(|[x, y]| [-y, *x]).collect();
    let paths: Vec<Vec<[f64; 2]>> = cloud(20).chunks(5).map(<[_]>::to_vec).collect();
    let images = vec![vec![0.5; 64]; 7];
    let new = || Figure::new("A title of a figure").x_label("x₁").y_label("p(x₁)");
    let panels = [new().scatter("a", cloud(9)), new().bare().curve("", cloud(9))];
    Ok(vec![
        new().scatter("a label", cloud(500)),
        new().curve("a", cloud(20)).dashed("b", cloud(20)).log_x(),
        new().function("sin", 0.0..1e6, f64::sin).band(
            "around",
            [[0.0, -1.0], [1e6, -1.0]],
            [[0.0, 1.0], [1e6, 1.0]],
        ),
        new().histogram("counts", cloud(300).concat(), 30),
        new()
            .density(-1.0..1.0, -1.0..1.0, 16, |at| Ok(at.iter().map(|[x, y]| x * y).collect()))?
            .equal_axes(),
        new().heat(0.0..3.0, 0.0..2.0, &[vec![1.0, -2.0, 3.0], vec![f64::NAN, 5.0, 6.0]]).y_range(2.0..0.0),
        new()
            .field("u", &grid, &arrows)
            .trajectories("paths", &paths)
            .polygon("square", [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]),
        new().scatter(&"a label without end ".repeat(9), cloud(9)).x_label(&"long ".repeat(50)),
        Figure::images(&images, 8, 3, "Images"),
        Figure::row("A row", panels.clone()),
        Figure::rows("", panels, 1),
    ])
}

struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

fn pixels(figure: &Figure, theme: Theme) -> Result<Pixels> {
    let png = figure.png(theme)?;
    let image = image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().to_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok(Pixels { width, height, rgb: image.pixels().map(|pixel| pixel.0).collect() })
}

impl Pixels {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        self.rgb[y * self.width + x]
    }

    /// First and last column and row that hold a colour.
    fn extent(&self, wanted: impl Fn([u8; 3]) -> bool) -> [usize; 4] {
        let found = (0..self.rgb.len()).filter(|&i| wanted(self.rgb[i]));
        found.fold([usize::MAX, 0, usize::MAX, 0], |[left, right, top, bottom], i| {
            let (x, y) = (i % self.width, i / self.width);
            [left.min(x), right.max(x), top.min(y), bottom.max(y)]
        })
    }

    fn count(&self, wanted: impl Fn([u8; 3]) -> bool) -> usize {
        self.rgb.iter().filter(|&&pixel| wanted(pixel)).count()
    }
}

/// The first colour of the light palette.
fn blue([r, g, b]: [u8; 3]) -> bool {
    r < 40 && g.abs_diff(0x6f) < 25 && b.abs_diff(0xb3) < 20
}

#[test]
fn png_has_twice_the_logical_size() -> Result<()> {
    let drawn = pixels(&Figure::new("").size(123, 77).scatter("", cloud(5)), Theme::Light)?;
    assert_eq!((drawn.width, drawn.height), (246, 154));
    Ok(())
}

#[test]
fn outermost_pixels_are_background_in_every_kind_of_figure() -> Result<()> {
    for (theme, page) in THEMES.into_iter().zip([[255; 3], [0x11, 0x13, 0x18]]) {
        for (i, figure) in gallery()?.iter().enumerate() {
            let drawn = pixels(figure, theme)?;
            let [left, right, top, bottom] = drawn.extent(|pixel| pixel != page);
            assert!(left >= 8 && top >= 8, "figure {i}, {theme:?}: {left}, {top}");
            assert!(
                right + 8 < drawn.width && bottom + 8 < drawn.height,
                "figure {i}, {theme:?}: {right}, {bottom}"
            );
        }
    }
    Ok(())
}

#[test]
fn equal_axes_draw_a_square_as_a_square_and_free_axes_do_not() -> Result<()> {
    let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let sides = |figure: Figure| -> Result<(usize, usize)> {
        let [left, right, top, bottom] = pixels(&figure, Theme::Light)?.extent(blue);
        Ok((right - left, bottom - top))
    };
    let figure = Figure::new("").size(600, 300).polygon("", square);
    let ranged = || figure.clone().x_range(-1.0..2.0).y_range(-0.5..1.5);
    for equal in [figure.clone().equal_axes(), ranged().equal_axes()] {
        let (width, height) = sides(equal)?;
        // Both are rounded to pixels at both ends.
        assert!(width > 100 && width.abs_diff(height) <= 2, "{width} x {height}");
    }
    let (width, height) = sides(ranged())?;
    assert!(width > height + 50, "{width} x {height}");
    Ok(())
}

#[test]
fn equal_axes_keep_the_ranges_that_were_given() -> Result<()> {
    let corners = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]];
    let figure = Figure::new("").bare().size(500, 300).x_range(-1.0..1.0).y_range(-1.0..1.0).equal_axes();
    let drawn = pixels(&figure.polygon("", corners), Theme::Light)?;
    let [left, right, top, bottom] = drawn.extent(|pixel| pixel != [255; 3]);
    assert!((right - left).abs_diff(bottom - top) <= 2);
    Ok(())
}

#[test]
fn light_and_dark_differ_only_in_colours() -> Result<()> {
    for figure in gallery()? {
        let (light, dark) = (pixels(&figure, Theme::Light)?, pixels(&figure, Theme::Dark)?);
        assert_eq!((light.width, light.height), (dark.width, dark.height));
        assert_eq!((light.at(0, 0), dark.at(0, 0)), ([255; 3], [0x11, 0x13, 0x18]));
        assert_ne!(light.rgb, dark.rgb);
    }
    Ok(())
}

#[test]
fn points_outside_of_the_range_are_not_drawn() -> Result<()> {
    let figure = Figure::new("").x_range(0.0..1.0).y_range(0.0..1.0);
    let far = [[1.03, 0.5], [-0.05, 0.5], [0.5, f64::INFINITY], [0.5, 1.05], [9.0, 9.0]];
    assert_eq!(pixels(&figure.clone().scatter("", far), Theme::Light)?.count(blue), 0);
    assert!(pixels(&figure.scatter("", [[0.5, 0.5]]), Theme::Light)?.count(blue) > 10);
    Ok(())
}

#[test]
fn nan_breaks_a_curve() -> Result<()> {
    let figure = || Figure::new("").bare().x_range(0.0..4.0).y_range(0.0..1.0);
    let ink = |height: f64| -> Result<usize> {
        let points = [[0.0, 0.5], [1.0, 0.5], [2.0, height], [3.0, 0.5], [4.0, 0.5]];
        Ok(pixels(&figure().curve("", points), Theme::Light)?.count(blue))
    };
    let (whole, broken) = (ink(0.5)?, ink(f64::NAN)?);
    // Two of four segments are left, with round ends.
    let part = broken as f64 / whole as f64;
    assert!((0.48..0.54).contains(&part), "{broken} of {whole}");
    Ok(())
}

#[test]
fn translucent_line_is_equally_strong_where_its_pieces_meet() -> Result<()> {
    let path =
        |pieces: u32| vec![(0..=pieces).map(|i| [f64::from(i) / f64::from(pieces), 0.0]).collect::<Vec<_>>()];
    let figure = |pieces| Figure::new("").trajectories("", &path(pieces));
    assert_eq!(figure(1).png(Theme::Light)?, figure(64).png(Theme::Light)?);
    Ok(())
}

#[test]
fn density_asks_once_for_all_cells_row_by_row() -> Result<()> {
    let mut calls = Vec::new();
    let figure = Figure::new("").density(0.0..4.0, 0.0..8.0, 2, |at| {
        calls.push(at.to_vec());
        Ok(vec![0.0, 1.0, 2.0, 3.0])
    })?;
    figure.png(Theme::Light)?;
    assert_eq!(calls, [[[1.0, 2.0], [3.0, 2.0], [1.0, 6.0], [3.0, 6.0]]]);
    Ok(())
}

#[test]
fn density_passes_on_the_error_of_its_function() {
    let failed = Figure::new("").density(0.0..1.0, 0.0..1.0, 2, |_| Err(Error::Empty { what: "the model" }));
    assert!(matches!(failed, Err(Error::Empty { what: "the model" })));
}

#[test]
fn first_row_of_a_heat_map_lies_at_the_start_of_y() -> Result<()> {
    let rows = [vec![0.0, 0.0], vec![1.0, 1.0]];
    let figure = Figure::new("").bare().heat(0.0..1.0, 0.0..1.0, &rows);
    let top_and_bottom = |figure: &Figure| -> Result<_> {
        let drawn = pixels(figure, Theme::Light)?;
        Ok((drawn.at(480, 200), drawn.at(480, 600)))
    };
    let (top, bottom) = top_and_bottom(&figure)?;
    assert!(top != [255; 3] && bottom == [255; 3], "{top:?}, {bottom:?}");
    assert_eq!(top_and_bottom(&figure.y_range(1.0..0.0))?, (bottom, top));
    Ok(())
}

#[test]
fn everything_that_holds_points_or_numbers_can_be_drawn() {
    let pairs = vec![(1.0f32, 2.0f32), (3.0, 4.0)];
    assert_eq!(pairs.planar(), [[1.0f32, 2.0], [3.0, 4.0]].planar());
    assert_eq!(pairs.as_slice().planar(), (&&pairs).planar());
    assert_eq!(vec![1.0f32, 2.0].values(), [1.0f64, 2.0].values());
    let dev = pushforward::tensor::Dev::default();
    use pushforward::dfdx::prelude::{Const, TensorFromVec};
    let points: pushforward::tensor::Points<2> = dev.tensor_from_vec(vec![1.0, 2.0, 3.0, 4.0], (2, Const));
    assert_eq!(points.planar(), pairs.planar());
    let numbers: pushforward::tensor::PerPoint = dev.tensor_from_vec(vec![1.0, 2.0], (2,));
    let column: pushforward::tensor::Points<1> = dev.tensor_from_vec(vec![1.0, 2.0], (2, Const));
    assert_eq!(numbers.values(), column.values());
}

/// The figures that cannot be drawn, and a word of what must be said of each.
fn refused() -> Vec<(&'static str, Figure)> {
    let new = || Figure::new("bad");
    let nan = [[f64::NAN, 0.0], [0.0, f64::NAN]];
    let none: [[f64; 2]; 0] = [];
    let line = [[0.0, 0.0], [1.0, 1.0]];
    let far = [[-1.7e308, 0.0], [1.7e308, 1.0]];
    let grid = |n, values: usize| {
        new().density(0.0..1.0, 0.0..1.0, n, |_| Ok(vec![1.0; values])).expect("the function does not fail")
    };
    vec![
        ("no finite point", new().curve("c", nan)),
        ("no finite point", new().dashed("c", nan)),
        ("no finite point", new().scatter("c", none)),
        ("no finite point", new().function("f", 0.0..1.0, |_| f64::NAN)),
        ("no finite point", new().trajectories("t", &[])),
        ("range of function", new().function("f", 1.0..1.0, |x| x)),
        ("range of function", new().function("f", 0.0..f64::INFINITY, |x| x)),
        ("finite points only", new().polygon("p", nan)),
        ("empty", new().polygon("p", none)),
        ("finite points only", new().field("v", line, nan)),
        ("2 and 0", new().field("v", line, none)),
        ("2 and 0", new().band("b", line, none)),
        ("finite points only", new().band("b", line, nan)),
        ("NaN", new().histogram("h", [1.0, f64::NAN], 3)),
        ("0 bins", new().histogram("h", [1.0, 2.0], 0)),
        ("empty", new().histogram("h", Vec::<f64>::new(), 3)),
        ("0 x 0 cells", grid(0, 0)),
        ("3 values for 2 x 2", grid(2, 3)),
        ("no finite number", new().heat(0.0..1.0, 0.0..1.0, &[vec![f64::NAN]])),
        ("no numbers", new().heat(0.0..1.0, 0.0..1.0, &[])),
        ("differ in length", new().heat(0.0..1.0, 0.0..1.0, &[vec![1.0], vec![]])),
        ("x range", new().heat(1.0..0.0, 0.0..1.0, &[vec![1.0]])),
        ("x range", new().x_range(1.0..1.0)),
        ("y range", new().y_range(0.0..f64::NAN)),
        ("start it above 0", new().log_x().x_range(0.0..1.0)),
        ("start it above 0", new().y_range(-1.0..1.0).log_y()),
        ("no data is above 0", new().log_y().curve("c", [[0.0, -1.0], [1.0, 0.0]])),
        ("shorter `x_range`", new().curve("c", far)),
        ("0 x 5", new().size(0, 5)),
        ("4000", new().size(5, 1_000_000)),
        ("larger `size`", new().size(20, 20).scatter("s", line)),
        ("no images", Figure::images(&[], 2, 2, "bad")),
        ("0 wide", Figure::images(&[vec![1.0]], 0, 2, "bad")),
        ("in 0 columns", Figure::images(&[vec![1.0]], 1, 0, "bad")),
        ("multiple of the width", Figure::images(&[vec![1.0; 5]], 2, 2, "bad")),
        ("equally large", Figure::images(&[vec![1.0; 4], vec![1.0; 2]], 2, 2, "bad")),
        ("image 1", Figure::images(&[vec![1.0], vec![f64::NAN]], 1, 2, "bad")),
        ("no panels", Figure::row("bad", [])),
        ("0 columns", Figure::rows("bad", [new()], 0)),
        ("0 bins", Figure::row("good", [new().histogram("h", [1.0], 0)])),
        ("panels", Figure::row("bad", [new()]).scatter("s", line)),
        ("fewer panels", Figure::rows("bad", vec![new().size(400, 400); 60], 1)),
    ]
}

#[test]
fn what_cannot_be_drawn_is_an_error_that_says_why() {
    for (word, figure) in refused() {
        let (png, svg) = (figure.png(Theme::Light).unwrap_err(), figure.svg(Theme::Dark).unwrap_err());
        assert_eq!(png.to_string(), svg.to_string());
        let Error::Figure { title, problem } = png else { panic!("{word}: {png}") };
        assert!(title == "bad" && problem.contains(word), "{word}: {title}: {problem}");
        assert!(problem.contains(": "), "says what to do: {problem}");
    }
}

#[test]
fn first_problem_is_the_one_that_is_told() {
    let error = Figure::new("bad").histogram("h", [1.0], 0).size(0, 0).png(Theme::Light).unwrap_err();
    assert!(error.to_string().contains("0 bins"), "{error}");
}

/// Panics unless every tag is closed in order and every ampersand starts an entity.
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in xml.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("every `<` has its `>`");
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name)),
            (false, true) => {}
            (false, false) => open.push(name),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        for entity in text.split('&').skip(1) {
            assert!(
                ["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|known| entity.starts_with(known)),
                "{text}"
            );
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

#[test]
fn svg_is_well_formed_and_keeps_texts_as_escaped_text() -> Result<()> {
    for theme in THEMES {
        for figure in gallery()? {
            assert_well_formed(&figure.svg(theme)?);
        }
        let svg = Figure::new("a < b & c").x_label("\"x\"").scatter("<s>", cloud(3)).svg(theme)?;
        assert_well_formed(&svg);
        assert!(
            svg.contains("a &lt; b &amp; c") && svg.contains("&quot;x&quot;") && svg.contains("&lt;s&gt;")
        );
        let odd = Figure::new("a\0b\u{1b}c").scatter("", cloud(3)).svg(theme)?;
        assert!(odd.contains("abc") && !odd.contains('\0'), "XML knows no control characters");
        assert!(svg.starts_with("<svg width=\"480\" height=\"400\""), "{}", &svg[..80]);
        assert!(svg.contains("sans-serif") && !svg.contains("href"), "needs nothing from elsewhere");
    }
    Ok(())
}

#[test]
fn drawing_twice_gives_the_same_bytes() -> Result<()> {
    for figure in gallery()? {
        assert!(figure.png(Theme::Light)? == figure.png(Theme::Light)?);
    }
    Ok(())
}

#[test]
fn scatter_of_ten_thousand_points_is_a_small_file() -> Result<()> {
    let size = Figure::new("").scatter("", cloud(10_000)).png(Theme::Light)?.len();
    assert!(size < 180_000, "{size} bytes");
    Ok(())
}

fn moving(count: u32) -> Animation {
    let frame = |i: u32| {
        let figure = Figure::new("Moving").size(160, 120).x_range(0.0..4.0).y_range(0.0..1.0);
        figure.scatter("", [[f64::from(i), 0.5]])
    };
    Animation::new((0..count).map(frame).collect(), 20.0)
}

#[test]
fn gif_shows_every_frame_and_repeats_for_ever() -> Result<()> {
    for theme in THEMES {
        let gif = moving(4).gif(theme)?;
        let mut decoder = gif::DecodeOptions::new();
        decoder.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = decoder.read_info(gif.as_slice()).unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [5; 4]);
        assert!(matches!(decoder.repeat(), gif::Repeat::Infinite));
        assert_eq!((decoder.width(), decoder.height()), (320, 240));
    }
    Ok(())
}

#[test]
fn frames_of_a_gif_are_the_figures() -> Result<()> {
    use image::AnimationDecoder;
    let gif = moving(3).gif(Theme::Light)?;
    let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(gif)).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    for (i, frame) in frames.iter().enumerate() {
        let figure = Figure::new("Moving").size(160, 120).x_range(0.0..4.0).y_range(0.0..1.0);
        let expected = pixels(&figure.scatter("", [[i as f64, 0.5]]), Theme::Light)?;
        let found: Vec<[u8; 3]> = frame.buffer().pixels().map(|p| [p[0], p[1], p[2]]).collect();
        let distance = |(a, b): (&[u8; 3], &[u8; 3])| (0..3).map(|i| a[i].abs_diff(b[i])).max();
        let worst = found.iter().zip(&expected.rgb).filter_map(distance).max();
        // All frames share 255 colours; they have a few more.
        assert!(found.len() == expected.rgb.len() && worst <= Some(4), "frame {i}: {worst:?}");
    }
    Ok(())
}

#[test]
fn animation_that_cannot_be_drawn_is_an_error() {
    let frame = Figure::new("bad").scatter("", cloud(3));
    let cases = [
        ("no frames", Animation::new(Vec::new(), 10.0)),
        ("0 frames per second", Animation::new(vec![frame.clone()], 0.0)),
        ("NaN frames per second", Animation::new(vec![frame.clone()], f64::NAN)),
        ("same `size`", Animation::new(vec![frame.clone(), frame.clone().size(99, 99)], 10.0)),
        ("0 bins", Animation::new(vec![frame.clone(), frame.histogram("h", [1.0], 0)], 10.0)),
    ];
    for (word, animation) in cases {
        let error = animation.gif(Theme::Light).unwrap_err();
        assert!(matches!(&error, Error::Figure { problem, .. } if problem.contains(word)), "{word}: {error}");
    }
}

#[test]
fn save_writes_a_file_for_each_page_by_extension() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let figure = Figure::new("Saved").scatter("", cloud(5));
    figure.save(&folder.path().join("a.b.png"))?;
    figure.save(&folder.path().join("c.svg"))?;
    moving(2).save(&folder.path().join("d.gif"))?;
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["a.b-dark.png", "a.b.png", "c-dark.svg", "c.svg", "d-dark.gif", "d.gif"]);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(
        (read("a.b.png"), read("a.b-dark.png")),
        (figure.png(Theme::Light)?, figure.png(Theme::Dark)?)
    );
    Ok(())
}

#[test]
fn failing_save_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.png");
    fs::write(&path, "old").unwrap();
    let bad = Figure::new("bad").histogram("h", [1.0], 0);
    assert!(matches!(bad.save(&path), Err(Error::Figure { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // A folder in the way: writing succeeds, renaming fails, and what was written goes.
    let taken = folder.path().join("taken.png");
    fs::create_dir(&taken).unwrap();
    let good = Figure::new("good").scatter("", cloud(3));
    assert!(matches!(good.save(&taken), Err(Error::Io { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let nowhere = folder.path().join("no such folder").join("a.png");
    assert!(matches!(good.save(&nowhere), Err(Error::Io { path, .. }) if path.contains("no such folder")));
}

#[test]
fn unknown_extension_is_an_error_that_names_the_known_ones() {
    let figure = Figure::new("Saved").scatter("", cloud(5));
    for (name, known) in [("a.jpeg", ".png"), ("a", ".svg"), ("a.gif", ".png")] {
        let error = figure.save(name.as_ref()).unwrap_err();
        assert!(matches!(&error, Error::Figure { problem, .. } if problem.contains(known)), "{error}");
    }
    let error = moving(2).save("a.png".as_ref()).unwrap_err();
    assert!(matches!(&error, Error::Figure { problem, .. } if problem.contains(".gif")), "{error}");
}
