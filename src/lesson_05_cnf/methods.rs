//! The methods of this lesson, one table each.

use super::Tableau;

/// Euler's method: order 1, one stage. Also called forward Euler.
///
/// It is not the implicit (backward) Euler method, which would be stable on stiff fields.
pub const EULER: Tableau =
    Tableau { name: "Euler", order: 1, a: &[&[]], b: &[1.0], c: &[0.0], error: &[], dense: &[&[1.0]] };

/// The explicit midpoint rule: order 2, two stages. Also called the modified Euler method, and Runge's method.
///
/// It is not the implicit midpoint rule, and not the leapfrog method.
pub const MIDPOINT: Tableau = Tableau {
    name: "midpoint",
    order: 2,
    a: &[&[], &[0.5]],
    b: &[0.0, 1.0],
    c: &[0.0, 0.5],
    error: &[],
    dense: &[&[1.0, -1.0], &[0.0, 1.0]],
};

/// Heun's method: order 2, two stages, with Euler's method for its error. Also called the explicit trapezoidal rule.
///
/// It is not Heun's third-order method, and not the sampler of Karras et al. 2022 (arXiv:2206.00364, algorithm 1),
/// which is this method on times of their own with an Euler step at the end.
pub const HEUN: Tableau = Tableau {
    name: "Heun",
    order: 2,
    a: &[&[], &[1.0]],
    b: &[0.5, 0.5],
    c: &[0.0, 1.0],
    error: &[-0.5, 0.5],
    dense: &[&[1.0, -0.5], &[0.0, 0.5]],
};

/// The classical Runge-Kutta method: order 4, four stages (Hairer, Nørsett, Wanner, Solving Ordinary Differential
/// Equations I, section II.1).
///
/// It is not what torchdiffeq calls `rk4`: that is [`RK38`].
pub const RK4: Tableau = Tableau {
    name: "RK4",
    order: 4,
    a: &[&[], &[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    b: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
    c: &[0.0, 0.5, 0.5, 1.0],
    error: &[],
    dense: &[
        &[1.0, -3.0 / 2.0, 2.0 / 3.0],
        &[0.0, 1.0, -2.0 / 3.0],
        &[0.0, 1.0, -2.0 / 3.0],
        &[0.0, -1.0 / 2.0, 2.0 / 3.0],
    ],
};

/// Kutta's 3/8 rule: order 4, four stages (Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I,
/// section II.1). torchdiffeq calls it `rk4`.
///
/// It is not the classical method [`RK4`]; its error is often smaller, its order is the same.
pub const RK38: Tableau = Tableau {
    name: "3/8 rule",
    order: 4,
    a: &[&[], &[1.0 / 3.0], &[-1.0 / 3.0, 1.0], &[1.0, -1.0, 1.0]],
    b: &[1.0 / 8.0, 3.0 / 8.0, 3.0 / 8.0, 1.0 / 8.0],
    c: &[0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0],
    error: &[],
    dense: &[
        &[1.0, -15.0 / 8.0, 1.0],
        &[0.0, 15.0 / 8.0, -3.0 / 2.0],
        &[0.0, 3.0 / 8.0],
        &[0.0, -3.0 / 8.0, 1.0 / 2.0],
    ],
};

/// The method of Bogacki and Shampine (1989, doi:10.1016/0893-9659(89)90079-7): order 3 with an estimate of order 2,
/// four stages of which the last is the next step's first. Also called `ode23` and `RK23`.
///
/// It is for tolerances that are not tight: below some 10⁻⁴ a method of order 5 needs fewer evaluations.
pub const BOSH3: Tableau = Tableau {
    name: "Bogacki-Shampine 3(2)",
    order: 3,
    a: &[&[], &[1.0 / 2.0], &[0.0, 3.0 / 4.0], &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
    b: &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0, 0.0],
    c: &[0.0, 1.0 / 2.0, 3.0 / 4.0, 1.0],
    error: &[-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0],
    dense: &[
        &[1.0, -4.0 / 3.0, 5.0 / 9.0],
        &[0.0, 1.0, -2.0 / 3.0],
        &[0.0, 4.0 / 3.0, -8.0 / 9.0],
        &[0.0, -1.0, 1.0],
    ],
};

/// The method of Dormand and Prince (1980, doi:10.1016/0771-050X(80)90013-3): order 5 with an estimate of order 4,
/// seven stages of which the last is the next step's first. Also called `dopri5`, `ode45`, `RK45` and `DP5`.
///
/// It is not Fehlberg's pair, whose fourth-order result is the one that goes on. Points between are of order 4, by the
/// weights of Shampine (1986, doi:10.2307/2008219).
pub const DOPRI5: Tableau = Tableau {
    name: "Dormand-Prince 5(4)",
    order: 5,
    a: &[
        &[],
        &[1.0 / 5.0],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
        &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ],
    b: &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0, 0.0],
    c: &[0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0],
    error: &[
        71.0 / 57600.0,
        0.0,
        -71.0 / 16695.0,
        71.0 / 1920.0,
        -17253.0 / 339200.0,
        22.0 / 525.0,
        -1.0 / 40.0,
    ],
    dense: &[
        &[1.0, -8048581381.0 / 2820520608.0, 8663915743.0 / 2820520608.0, -12715105075.0 / 11282082432.0],
        &[],
        &[0.0, 131558114200.0 / 32700410799.0, -68118460800.0 / 10900136933.0, 87487479700.0 / 32700410799.0],
        &[0.0, -1754552775.0 / 470086768.0, 14199869525.0 / 1410260304.0, -10690763975.0 / 1880347072.0],
        &[
            0.0,
            127303824393.0 / 49829197408.0,
            -318862633887.0 / 49829197408.0,
            701980252875.0 / 199316789632.0,
        ],
        &[0.0, -282668133.0 / 205662961.0, 2019193451.0 / 616988883.0, -1453857185.0 / 822651844.0],
        &[0.0, 40617522.0 / 29380423.0, -110615467.0 / 29380423.0, 69997945.0 / 29380423.0],
    ],
};

/// The method of Tsitouras (2011, doi:10.1016/j.camwa.2011.06.002): order 5 with an estimate of order 4, seven stages
/// of which the last is the next step's first. Also called `tsit5`.
///
/// It is not [`DOPRI5`] with other numbers only: fewer of the simplifying assumptions hold, which leaves room for a
/// smaller error at the same cost. Points between are of order 4.
pub const TSIT5: Tableau = Tableau {
    name: "Tsitouras 5(4)",
    order: 5,
    a: &[
        &[],
        &[0.161],
        &[-0.008480655492356989, 0.335480655492357],
        &[2.8971530571054935, -6.359448489975075, 4.3622954328695815],
        &[5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
        &[5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
        &[
            0.09646076681806523,
            0.01,
            0.4798896504144996,
            1.379008574103742,
            -3.290069515436081,
            2.324710524099774,
        ],
    ],
    b: &[
        0.09646076681806523,
        0.01,
        0.4798896504144996,
        1.379008574103742,
        -3.290069515436081,
        2.324710524099774,
        0.0,
    ],
    c: &[0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0],
    error: &[
        0.0017800110522257714,
        0.0008164344596567469,
        -0.007880878010261995,
        0.1447110071732629,
        -0.5823571654525552,
        0.45808210592918697,
        -1.0 / 66.0,
    ],
    dense: &[
        &[1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216],
        &[0.0, 0.1317, -0.2234, 0.1017],
        &[0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253],
        &[0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902],
        &[0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928],
        &[0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661],
        &[0.0, 1.5, -4.0, 2.5],
    ],
};
