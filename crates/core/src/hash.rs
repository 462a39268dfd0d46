//! FarmHash Fingerprint64, so that a bucket equals TensorFlow's `categorical_column_with_hash_bucket`.
//!
//! In: bytes. Out: 64 bits that are the same on every machine and in every version. The algorithm is
//! `farmhashna::Hash64` of Google's FarmHash (Geoff Pike, 2014); stored TensorFlow results prove it.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

fn word64(bytes: &[u8], start: usize) -> u64 {
    u64::from_le_bytes(bytes[start..start + 8].try_into().expect("eight bytes"))
}

fn word32(bytes: &[u8], start: usize) -> u64 {
    u64::from(u32::from_le_bytes(bytes[start..start + 4].try_into().expect("four bytes")))
}

fn fold(value: u64) -> u64 {
    value ^ (value >> 47)
}

fn mix16(first: u64, second: u64, multiplier: u64) -> u64 {
    let inner = fold((first ^ second).wrapping_mul(multiplier));
    let outer = fold((second ^ inner).wrapping_mul(multiplier));
    outer.wrapping_mul(multiplier)
}

fn up_to_16(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let multiplier = K2.wrapping_add(length as u64 * 2);
    if length >= 8 {
        let first = word64(bytes, 0).wrapping_add(K2);
        let last = word64(bytes, length - 8);
        let high = last.rotate_right(37).wrapping_mul(multiplier).wrapping_add(first);
        let low = first.rotate_right(25).wrapping_add(last).wrapping_mul(multiplier);
        return mix16(high, low, multiplier);
    }
    if length >= 4 {
        let first = word32(bytes, 0);
        return mix16((length as u64).wrapping_add(first << 3), word32(bytes, length - 4), multiplier);
    }
    if length == 0 {
        return K2;
    }
    let (first, middle, last) = (u64::from(bytes[0]), u64::from(bytes[length >> 1]), u64::from(bytes[length - 1]));
    let low = first + (middle << 8);
    let high = length as u64 + (last << 2);
    fold(low.wrapping_mul(K2) ^ high.wrapping_mul(K0)).wrapping_mul(K2)
}

fn up_to_32(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let multiplier = K2.wrapping_add(length as u64 * 2);
    let a = word64(bytes, 0).wrapping_mul(K1);
    let b = word64(bytes, 8);
    let c = word64(bytes, length - 8).wrapping_mul(multiplier);
    let d = word64(bytes, length - 16).wrapping_mul(K2);
    let first = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let second = a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c);
    mix16(first, second, multiplier)
}

fn up_to_64(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let multiplier = K2.wrapping_add(length as u64 * 2);
    let a = word64(bytes, 0).wrapping_mul(K2);
    let b = word64(bytes, 8);
    let c = word64(bytes, length - 8).wrapping_mul(multiplier);
    let d = word64(bytes, length - 16).wrapping_mul(K2);
    let y = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let z = mix16(y, a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c), multiplier);
    let e = word64(bytes, 16).wrapping_mul(multiplier);
    let f = word64(bytes, 24);
    let g = y.wrapping_add(word64(bytes, length - 32)).wrapping_mul(multiplier);
    let h = z.wrapping_add(word64(bytes, length - 24)).wrapping_mul(multiplier);
    let first = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    let second = e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g);
    mix16(first, second, multiplier)
}

/// Mixes 32 bytes from `start` into two seeds.
fn weak_pair(bytes: &[u8], start: usize, seeds: (u64, u64)) -> (u64, u64) {
    let [w, x, y, z] = [0, 8, 16, 24].map(|offset| word64(bytes, start + offset));
    let a = seeds.0.wrapping_add(w);
    let b = seeds.1.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let sum = a.wrapping_add(x).wrapping_add(y);
    (sum.wrapping_add(z), b.wrapping_add(sum.rotate_right(44)).wrapping_add(a))
}

/// The running state over blocks of 64 bytes.
struct Long {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl Long {
    fn block(&mut self, bytes: &[u8], start: usize) {
        let sum = self.x.wrapping_add(self.y).wrapping_add(self.v.0).wrapping_add(word64(bytes, start + 8));
        self.x = sum.rotate_right(37).wrapping_mul(K1);
        let sum = self.y.wrapping_add(self.v.1).wrapping_add(word64(bytes, start + 48));
        self.y = sum.rotate_right(42).wrapping_mul(K1);
        self.x ^= self.w.1;
        self.y = self.y.wrapping_add(self.v.0).wrapping_add(word64(bytes, start + 40));
        self.z = self.z.wrapping_add(self.w.0).rotate_right(33).wrapping_mul(K1);
        self.v = weak_pair(bytes, start, (self.v.1.wrapping_mul(K1), self.x.wrapping_add(self.w.0)));
        let seeds = (self.z.wrapping_add(self.w.1), self.y.wrapping_add(word64(bytes, start + 16)));
        self.w = weak_pair(bytes, start + 32, seeds);
        std::mem::swap(&mut self.z, &mut self.x);
    }

    /// The last 64 bytes, which overlap the block before them.
    fn finish(mut self, bytes: &[u8]) -> u64 {
        let multiplier = K1.wrapping_add((self.z & 0xff) << 1);
        let start = bytes.len() - 64;
        self.w.0 = self.w.0.wrapping_add((bytes.len() as u64 - 1) & 63);
        self.v.0 = self.v.0.wrapping_add(self.w.0);
        self.w.0 = self.w.0.wrapping_add(self.v.0);
        let sum = self.x.wrapping_add(self.y).wrapping_add(self.v.0).wrapping_add(word64(bytes, start + 8));
        self.x = sum.rotate_right(37).wrapping_mul(multiplier);
        let sum = self.y.wrapping_add(self.v.1).wrapping_add(word64(bytes, start + 48));
        self.y = sum.rotate_right(42).wrapping_mul(multiplier);
        self.x ^= self.w.1.wrapping_mul(9);
        self.y = self.y.wrapping_add(self.v.0.wrapping_mul(9)).wrapping_add(word64(bytes, start + 40));
        self.z = self.z.wrapping_add(self.w.0).rotate_right(33).wrapping_mul(multiplier);
        self.v = weak_pair(bytes, start, (self.v.1.wrapping_mul(multiplier), self.x.wrapping_add(self.w.0)));
        let seeds = (self.z.wrapping_add(self.w.1), self.y.wrapping_add(word64(bytes, start + 16)));
        self.w = weak_pair(bytes, start + 32, seeds);
        std::mem::swap(&mut self.z, &mut self.x);
        let first =
            mix16(self.v.0, self.w.0, multiplier).wrapping_add(fold(self.y).wrapping_mul(K0)).wrapping_add(self.z);
        let second = mix16(self.v.1, self.w.1, multiplier).wrapping_add(self.x);
        mix16(first, second, multiplier)
    }
}

fn long(bytes: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let y = SEED.wrapping_mul(K1).wrapping_add(113);
    let mut state =
        Long { x: SEED, y, z: fold(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2), v: (0, 0), w: (0, 0) };
    state.x = SEED.wrapping_mul(K2).wrapping_add(word64(bytes, 0));
    let blocks = (bytes.len() - 1) / 64;
    for block in 0..blocks {
        state.block(bytes, block * 64);
    }
    state.finish(bytes)
}

/// FarmHash Fingerprint64 of `bytes`.
pub fn fingerprint64(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0..=16 => up_to_16(bytes),
        17..=32 => up_to_32(bytes),
        33..=64 => up_to_64(bytes),
        _ => long(bytes),
    }
}

/// `fingerprint64(text) mod buckets`: TensorFlow's bucket of a string.
pub fn bucket(text: &str, buckets: u32) -> u32 {
    (fingerprint64(text.as_bytes()) % u64::from(buckets)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct GoldenValues {
        buckets: Vec<u64>,
        cases: Vec<(String, Vec<u64>)>,
    }

    /// `fixtures/hash/make_golden.py` made the file with TensorFlow.
    #[test]
    fn buckets_equal_those_of_tensorflow() {
        let golden: GoldenValues = serde_json::from_str(include_str!("../../../fixtures/hash/golden.json")).unwrap();
        assert!(golden.cases.len() > 300);
        for (text, expected) in &golden.cases {
            for (&buckets, &bucket_there) in golden.buckets.iter().zip(expected) {
                assert_eq!(fingerprint64(text.as_bytes()) % buckets, bucket_there, "{text:?} in {buckets} buckets");
            }
        }
    }
}
