//! What every distribution does with seeds, sizes and parameters.

use pushforward::data::{
    Checkerboard, EightGaussians, ExactDensity, Pinwheel, Rings, SCurve, Sample, TwoMoons, TwoSpirals,
};
use pushforward::tensor::{Source, rows};
use pushforward::{Error, Result};

/// Every distribution that can be drawn from.
fn samplers() -> [(&'static str, &'static dyn Sample<2>); 7] {
    [
        ("checkerboard", &Checkerboard { side: 2.0 }),
        ("moons", &TwoMoons { noise: 0.1 }),
        ("8 Gaussians", &EightGaussians::FFJORD),
        ("rings", &Rings::CIRCLES),
        ("S", &SCurve { noise: 0.1 }),
        ("pinwheel", &Pinwheel { blades: 5, radial_std: 0.3, tangential_std: 0.1, rate: 0.25, scale: 2.0 }),
        ("spirals", &TwoSpirals { noise: 0.1 }),
    ]
}

#[test]
fn same_seed_same_points_other_seed_other_points() -> Result<()> {
    for (name, sampler) in samplers() {
        let draw = |seed| Ok::<_, Error>(rows(&sampler.sample(100, &mut Source::new(seed))?));
        assert_eq!(draw(1)?, draw(1)?, "{name}");
        let common = draw(1)?.iter().zip(&draw(2)?).filter(|(a, b)| a == b).count();
        assert_eq!(common, 0, "{name}: two seeds share points");
        let mut source = Source::new(1);
        let (first, second) = (sampler.sample(100, &mut source)?, sampler.sample(100, &mut source)?);
        assert_ne!(rows(&first), rows(&second), "{name}: the source stands still");
    }
    Ok(())
}

#[test]
fn an_empty_sample_is_an_error() {
    for (name, sampler) in samplers() {
        let error = sampler.sample(0, &mut Source::new(1)).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Empty { .. }), "{name}: {error}");
    }
}

#[test]
fn parameters_out_of_range_are_errors_and_have_no_density() {
    let mut source = Source::new(1);
    let mut refused = |name: &str, sampler: &dyn Sample<2>| {
        let error = sampler.sample(10, &mut source).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::OutOfDomain { .. }), "{name}: {error}");
    };
    for bad in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        let all: [(&str, &dyn Sample<2>, Option<&dyn ExactDensity>); 12] = [
            ("side", &Checkerboard { side: bad }, Some(&Checkerboard { side: bad })),
            ("moons", &TwoMoons { noise: bad }, Some(&TwoMoons { noise: bad })),
            ("S", &SCurve { noise: bad }, Some(&SCurve { noise: bad })),
            ("spirals", &TwoSpirals { noise: bad }, None),
            (
                "radius",
                &EightGaussians { radius: bad, std: 1.0 },
                Some(&EightGaussians { radius: bad, std: 1.0 }),
            ),
            (
                "std",
                &EightGaussians { radius: 1.0, std: bad },
                Some(&EightGaussians { radius: 1.0, std: bad }),
            ),
            (
                "rings",
                &Rings { radius: bad, ..Rings::CIRCLES },
                Some(&Rings { radius: bad, ..Rings::CIRCLES }),
            ),
            ("noise", &Rings { noise: bad, ..Rings::CIRCLES }, Some(&Rings { noise: bad, ..Rings::CIRCLES })),
            (
                "radial",
                &Pinwheel { radial_std: bad, ..wheel() },
                Some(&Pinwheel { radial_std: bad, ..wheel() }),
            ),
            (
                "across",
                &Pinwheel { tangential_std: bad, ..wheel() },
                Some(&Pinwheel { tangential_std: bad, ..wheel() }),
            ),
            ("scale", &Pinwheel { scale: bad, ..wheel() }, Some(&Pinwheel { scale: bad, ..wheel() })),
            (
                "rate",
                &Pinwheel { rate: bad + f64::NAN, ..wheel() },
                Some(&Pinwheel { rate: f64::NAN, ..wheel() }),
            ),
        ];
        for (name, sampler, density) in all {
            refused(name, sampler);
            let log_density = density.map_or(f64::NEG_INFINITY, |density| density.log_density([0.5, 0.5]));
            assert_eq!(log_density, f64::NEG_INFINITY, "{name} = {bad}");
        }
    }
    refused("no rings", &Rings { rings: 0, ..Rings::CIRCLES });
    refused("no blades", &Pinwheel { blades: 0, ..wheel() });
}

fn wheel() -> Pinwheel {
    Pinwheel::default()
}

#[test]
fn coordinates_that_overflow_are_an_error() {
    let error =
        Pinwheel { radial_std: 1e300, ..wheel() }.sample(10, &mut Source::new(1)).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
}

#[test]
fn a_million_points_take_no_time() -> Result<()> {
    for (name, sampler) in samplers() {
        let before = std::time::Instant::now();
        assert_eq!(rows(&sampler.sample(1_000_000, &mut Source::new(1))?).len(), 1_000_000);
        let seconds = before.elapsed().as_secs_f64();
        assert!(seconds < 10.0, "{name}: {seconds} s; about 0.1 s on an idle machine");
    }
    Ok(())
}
