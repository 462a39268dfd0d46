//! FarmHash Fingerprint64, so that a bucket equals TensorFlow's `categorical_column_with_hash_bucket`.

/// FarmHash Fingerprint64 (`farmhashna::Hash64`) of `bytes`, stable for ever.
pub fn fingerprint64(_bytes: &[u8]) -> u64 { todo!() }

/// `fingerprint64(text) mod buckets`, TensorFlow's bucket of a string.
pub fn bucket(text: &str, buckets: u32) -> u32 { (fingerprint64(text.as_bytes()) % u64::from(buckets)) as u32 }
