//! Masses as whole numbers.

/// A mass, or what flows, in units of 2⁻¹¹⁷ of the whole. Whole numbers add up exactly: no mass is lost on the way,
/// and what is zero is zero.
pub(super) type Units = i128;

/// The whole in the units that a mass is rounded to, as many as f64 can tell apart.
const WHOLE: f64 = (1_u64 << 53) as f64;

/// What each mass is multiplied by, so that there is room for a disturbance of 1 below its last digit.
const ROOM: u32 = 64;

/// The supply of each row and column, which is negative for a column; all together 0.
///
/// Each is disturbed by 1, all but that of the largest column, which takes the rest (Charnes 1952, *Optimality and
/// degeneracy in linear programming*). Then no set of rows and columns has the supply 0, as long as there are less
/// than 2⁶³ of them: every pair of a tree moves mass, so that each pivot lowers the cost and the method cannot go
/// round in circles.
pub(super) fn units(row_masses: &[f64], column_masses: &[f64]) -> Vec<Units> {
    let rounded = |masses: &[f64]| {
        let sum: f64 = masses.iter().sum();
        // What rounding takes from one, the next gets: thousands of masses do not add up to another whole.
        let mut owed = 0.0_f64;
        let units = masses.iter().map(|mass| {
            let exact = mass / sum * WHOLE + owed.clamp(-1.0, 1.0);
            let units = exact.round().max(1.0);
            owed = exact - units;
            (units as Units) << ROOM
        });
        units.collect::<Vec<_>>()
    };
    let columns = rounded(column_masses).into_iter().map(|mass| -mass);
    let mut supply: Vec<Units> =
        rounded(row_masses).into_iter().chain(columns).map(|mass| mass + 1).collect();
    let rest: Units = supply.iter().sum();
    if let Some(largest) = supply.iter_mut().min() {
        *largest -= rest;
    }
    supply
}

/// What flows, where the whole is `whole`: the disturbance is rounded away.
pub(super) fn mass(flow: Units, whole: f64) -> f64 {
    ((flow + (1 << (ROOM - 1))) >> ROOM) as f64 / WHOLE * whole
}
