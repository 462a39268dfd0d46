//! Every instruction set against the plain form, bit for bit, and the bounds against f64.

use super::super::codes::{CodedQuery, Codes};
use super::super::contract::Data;
use super::super::survivors::Survivors;
use super::*;

fn found(level: Level, codes: &Codes, query: &CodedQuery, wanted: usize) -> (Vec<u32>, Vec<(f32, u32)>) {
    let mut found = Survivors::new(wanted, 2.0 * codes.blocks().largest_error() * query.per_error());
    for block in 0..codes.errors.len() {
        collect(level, codes.blocks().slice(block, block + 1), query, (block * LANES) as u32, &mut found);
        found.cut_when_long();
    }
    found.finish()
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for data in Data::ALL {
        for dimension in [1, 3, 4, 31, 64, 130, 512, 1100] {
            let codes = Codes::new(&data.vectors(1, 333, dimension), dimension);
            for query in data.vectors(2, 3, dimension).chunks_exact(dimension) {
                let query = CodedQuery::new(query);
                let of_level = |level| {
                    let mut all = vec![0.0; codes.scales.len()];
                    scores(level, codes.blocks(), &query, &mut all);
                    let bits: Vec<u32> = all.iter().map(|score: &f32| score.to_bits()).collect();
                    (bits, found(level, &codes, &query, 20))
                };
                let plain = of_level(Level::Portable);
                for &level in levels() {
                    assert!(of_level(level) == plain, "{level:?}, {data:?} of dimension {dimension}");
                }
            }
        }
    }
}

#[test]
fn the_score_of_every_vector_lies_within_its_bounds() {
    for data in Data::ALL {
        for dimension in [1, 5, 64, 512, 1100] {
            let vectors = data.vectors(5, 200, dimension);
            let codes = Codes::new(&vectors, dimension);
            for query in data.vectors(6, 5, dimension).chunks_exact(dimension) {
                let coded = CodedQuery::new(query);
                let mut all = vec![0.0; codes.scales.len()];
                scores(levels()[0], codes.blocks(), &coded, &mut all);
                for (number, row) in vectors.chunks_exact(dimension).enumerate() {
                    let score: f64 = row.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let error = f64::from(codes.errors[number / LANES]) * f64::from(coded.per_error());
                    let distance = (f64::from(all[number]) * coded.step() - score).abs();
                    assert!(distance <= error * coded.step(), "{data:?} of dimension {dimension}: {distance} {error}");
                }
            }
        }
    }
}
