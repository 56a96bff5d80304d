//! The masks of a network whose outputs must not see what comes after them.

use crate::tensor::Real;

/// Which connections of a layer are kept: 1 or 0 for each weight, row after row, one row per output.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// How many outputs the layer has.
    pub outputs: usize,
    /// How many inputs the layer has.
    pub inputs: usize,
    /// 1 where the weight is kept and 0 where not, shape (outputs, inputs).
    pub entries: Vec<Real>,
}

/// The degrees of a network's units (Germain et al. 2015, arXiv:1502.03509, sections 3 and 4).
///
/// A context has degree 0 and a feature of rank r degree r + 1. A hidden unit of degree m sees what has a degree of at
/// most m, and an output of degree m what has a degree below m.
pub(super) struct Degrees {
    inputs: Vec<usize>,
    hidden: Vec<usize>,
    outputs: Vec<usize>,
}

impl Degrees {
    /// For features of these ranks, then a number of contexts; each feature has a number of outputs, side by side.
    ///
    /// The hidden units of every layer take the degrees that an output can use in turn, so that with at least so many
    /// units each of these degrees occurs in each layer and no connection is lost.
    pub(super) fn new(ranks: &[usize], contexts: usize, hidden: usize, outputs_per_feature: usize) -> Self {
        let lowest = usize::from(contexts == 0);
        let largest = ranks.iter().max().copied().unwrap_or_default();
        let kinds = (largest + 1 - lowest).max(1);
        let features = ranks.iter().map(|rank| rank + 1);
        Self {
            inputs: features.clone().chain(std::iter::repeat_n(0, contexts)).collect(),
            hidden: (0..hidden).map(|unit| lowest + unit % kinds).collect(),
            outputs: features.flat_map(|degree| std::iter::repeat_n(degree, outputs_per_feature)).collect(),
        }
    }

    /// The mask of the layer from the inputs to hidden units.
    pub(super) fn first(&self) -> Mask {
        mask(&self.hidden, &self.inputs, |unit, input| input <= unit)
    }

    /// The mask of a layer from hidden units to hidden units.
    pub(super) fn between(&self) -> Mask {
        mask(&self.hidden, &self.hidden, |unit, below| below <= unit)
    }

    /// The mask of the layer from hidden units to the outputs.
    pub(super) fn last(&self) -> Mask {
        mask(&self.outputs, &self.hidden, |output, unit| unit < output)
    }
}

fn mask(outputs: &[usize], inputs: &[usize], connected: impl Fn(usize, usize) -> bool) -> Mask {
    let mut entries = Vec::with_capacity(outputs.len() * inputs.len());
    for output in outputs {
        entries.extend(inputs.iter().map(|input| Real::from(u8::from(connected(*output, *input)))));
    }
    Mask { outputs: outputs.len(), inputs: inputs.len(), entries }
}
