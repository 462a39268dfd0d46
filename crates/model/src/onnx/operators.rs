//! The operators that the towers need, by what they compute.

use super::graph::{Graph, Kind, Setting, Value};
use crate::config::Activation;
use crate::layer::activation::{CUBE, SLOPE};

impl Graph {
    pub(super) fn add(&mut self, a: Value, b: Value) -> Value {
        self.node("Add", &[a, b], &[])
    }

    pub(super) fn subtract(&mut self, a: Value, b: Value) -> Value {
        self.node("Sub", &[a, b], &[])
    }

    pub(super) fn times(&mut self, a: Value, b: Value) -> Value {
        self.node("Mul", &[a, b], &[])
    }

    pub(super) fn divided(&mut self, a: Value, b: Value) -> Value {
        self.node("Div", &[a, b], &[])
    }

    /// What stands between two layers.
    pub(super) fn bent(&mut self, activation: Activation, x: Value) -> Value {
        match activation {
            Activation::Relu => self.node("Relu", &[x], &[]),
            Activation::Gelu => {
                let (square, cube, one, slope) =
                    (self.times(x, x), self.float(CUBE), self.float(1.0), self.float(SLOPE));
                let factor = self.times(square, cube);
                let factor = self.add(factor, one);
                let factor = self.times(factor, slope);
                let inner = self.times(x, factor);
                let share = self.node("Sigmoid", &[inner], &[]);
                self.times(x, share)
            }
        }
    }

    /// `x · W`.
    pub(super) fn product(&mut self, x: Value, weight: Value) -> Value {
        self.node("MatMul", &[x, weight], &[])
    }

    /// Rows of a table; -1 is its last one.
    pub(super) fn rows(&mut self, table: Value, ids: Value) -> Value {
        self.node("Gather", &[table, ids], &[("axis", Setting::Integer(0))])
    }

    /// Sums over one axis, which stays with length 1 if `kept`.
    pub(super) fn sum(&mut self, x: Value, axis: i64, kept: bool) -> Value {
        let axes = self.integers(&[axis]);
        self.node("ReduceSum", &[x, axes], &[("keepdims", Setting::Integer(i64::from(kept)))])
    }

    /// One more axis, of length 1.
    pub(super) fn spread(&mut self, x: Value, axis: i64) -> Value {
        let axes = self.integers(&[axis]);
        self.node("Unsqueeze", &[x, axes], &[])
    }

    /// One axis less, which had length 1.
    pub(super) fn drop_axis(&mut self, x: Value, axis: i64) -> Value {
        let axes = self.integers(&[axis]);
        self.node("Squeeze", &[x, axes], &[])
    }

    pub(super) fn turned(&mut self, x: Value, axes: &[i64]) -> Value {
        self.node("Transpose", &[x], &[("perm", Setting::Integers(axes))])
    }

    /// `yes` where the condition holds, else `no`.
    pub(super) fn choose(&mut self, condition: Value, yes: Value, no: Value) -> Value {
        self.node("Where", &[condition, yes, no], &[])
    }

    pub(super) fn as_floats(&mut self, x: Value) -> Value {
        self.node("Cast", &[x], &[("to", Setting::Integer(Kind::Float as i64))])
    }

    pub(super) fn as_integers(&mut self, x: Value) -> Value {
        self.node("Cast", &[x], &[("to", Setting::Integer(Kind::Integer as i64))])
    }

    /// Where an id is one: 0 or above.
    pub(super) fn is_present(&mut self, ids: Value) -> Value {
        let zero = self.integer(0);
        self.node("GreaterOrEqual", &[ids, zero], &[])
    }

    /// `x / divisor`, or 0 where the divisor is 0 and `x` is, too.
    pub(super) fn divided_or_zero(&mut self, x: Value, divisor: Value) -> Value {
        let (zero, one) = (self.float(0.0), self.float(1.0));
        let divides = self.node("Greater", &[divisor, zero], &[]);
        let safe = self.choose(divides, divisor, one);
        self.divided(x, safe)
    }
}
