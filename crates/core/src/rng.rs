//! Seeded random numbers whose stream never depends on threads or versions of a library.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014) seeds a stream for
//! every purpose; xoshiro256++ (Blackman, Vigna: "Scrambled Linear Pseudorandom Number Generators", 2019) draws from it.

/// A random stream. Streams of different `purpose` are independent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Rng {
    /// The stream number `counter` of `purpose` under `seed`; for example one stream a step, or one a user.
    pub fn stream(seed: u64, purpose: &str, counter: u64) -> Self {
        let mut mixing = seed ^ crate::hash::fingerprint64(purpose.as_bytes());
        let mut state = [0; 4];
        mixing = split_mix(&mut mixing) ^ counter.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        for word in &mut state {
            *word = split_mix(&mut mixing);
        }
        Self { state }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (mut c, mut d) = (c ^ a, d ^ b);
        let (b2, a2) = (b ^ c, a ^ d);
        c ^= b << 17;
        d = d.rotate_left(45);
        self.state = [a2, b2, c, d];
        result
    }

    /// A number in `0..bound`; `bound` must not be 0. Bias is below 2^-32 (multiply-shift).
    pub fn below(&mut self, bound: u32) -> u32 {
        debug_assert!(bound > 0);
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A draw from the standard normal distribution (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let chosen = (self.next_u64() % (last as u64 + 1)) as usize;
            values.swap(last, chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let first: Vec<u64> = {
            let mut r = Rng::stream(7, "a", 0);
            (0..4).map(|_| r.next_u64()).collect()
        };
        let again: Vec<u64> = {
            let mut r = Rng::stream(7, "a", 0);
            (0..4).map(|_| r.next_u64()).collect()
        };
        assert_eq!(first, again);
        assert_ne!(first[0], Rng::stream(7, "b", 0).next_u64());
        assert_ne!(first[0], Rng::stream(7, "a", 1).next_u64());
        assert_ne!(first[0], Rng::stream(8, "a", 0).next_u64());
    }

    #[test]
    fn below_is_close_to_uniform() {
        let mut rng = Rng::stream(1, "test", 0);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[rng.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
    }

    #[test]
    fn a_shuffle_keeps_every_value() {
        let mut values: Vec<u32> = (0..100).collect();
        Rng::stream(1, "test", 0).shuffle(&mut values);
        assert_ne!(values, (0..100).collect::<Vec<_>>());
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
    }
}
