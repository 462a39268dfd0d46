//! TFRecord files of `tf.train.Example`: what TensorFlow writes and reads
//! (<https://www.tensorflow.org/tutorials/load_data/tfrecord>), without TensorFlow. `frame` finds the records
//! and checks them, `example` reads one, `write` makes one.

mod example;
mod frame;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use frame::ExampleReader;
pub(crate) use write::{Feature, push_example};
