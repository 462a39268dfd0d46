//! Records of `tf.train.Example`, written. In: the values of a row by name. Out: the bytes of a record as TensorFlow reads
//! them. Where the bytes go is not known here.

use twinspire_core::tfrecord::{push_bytes, push_record, push_varint};

/// The values of one feature; an empty one is left out of the example.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Feature<'a> {
    /// UTF-8, or any bytes.
    Texts(Vec<&'a str>),
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

impl Feature<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Texts(values) => values.is_empty(),
            Self::Floats(values) => values.is_empty(),
            Self::Integers(values) => values.is_empty(),
        }
    }

    /// The message `Feature`: the list of its kind, numbers packed.
    fn message(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let kind = match self {
            Self::Texts(values) => {
                values.iter().for_each(|value| push_bytes(1, value.as_bytes(), &mut list));
                1
            }
            Self::Floats(values) => {
                let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                push_bytes(1, &packed, &mut list);
                2
            }
            Self::Integers(values) => {
                let mut packed = Vec::new();
                values.iter().for_each(|value| push_varint(value.cast_unsigned(), &mut packed));
                push_bytes(1, &packed, &mut list);
                3
            }
        };
        let mut message = Vec::new();
        push_bytes(kind, &list, &mut message);
        message
    }
}

/// Appends one record: an example of these features, by name.
pub(crate) fn push_example<'a>(features: impl Iterator<Item = (&'a str, Feature<'a>)>, out: &mut Vec<u8>) {
    let mut map = Vec::new();
    for (name, feature) in features.filter(|(_, feature)| !feature.is_empty()) {
        let mut entry = Vec::new();
        push_bytes(1, name.as_bytes(), &mut entry);
        push_bytes(2, &feature.message(), &mut entry);
        push_bytes(1, &entry, &mut map);
    }
    let mut example = Vec::new();
    push_bytes(1, &map, &mut example);
    push_record(&example, out);
}
