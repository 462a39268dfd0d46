//! Click rows in memory, with the sizes and the skew of an ad log.
//!
//! Seven fields of the ad and four of the device; values follow a Zipf-like law, labels a planted taste: about a quarter
//! of the rows are clicks. The corpus is the ads.

use crate::error::Result;
use crate::train::{Files, ListFiles};
use twinspire_core::CoreError;
use twinspire_core::check::Faults;
use twinspire_core::encode::{EncodedRows, FeatureEncoder, Fitted};
use twinspire_core::hash::bucket;
use twinspire_core::history::Histories;
use twinspire_core::ids::MISSING;
use twinspire_core::items::ItemTable;
use twinspire_core::rng::Rng;
use twinspire_core::sample::{SampleRows, SampleSet, SampleTable};
use twinspire_core::schema::FeatureSchema;

/// Name, buckets, distinct values.
type Field = (&'static str, u32, u32);

const AD: [Field; 7] = [
    ("adid", 10_000, 8_000),
    ("site_id", 10_000, 4_700),
    ("site_domain", 10_000, 7_700),
    ("site_category", 10_000, 26),
    ("app_id", 10_000, 8_500),
    ("app_domain", 10_000, 560),
    ("app_category", 1_000, 36),
];
const DEVICE: [Field; 4] = [
    ("device_id", 1_000, 200_000),
    ("device_ip", 10_000, 500_000),
    ("device_type", 10, 5),
    ("device_conn_type", 10, 4),
];

/// Position of the ip among the fields of the device.
const IP: usize = 1;

/// Makes rows, corpus and encoder.
pub(super) fn files(rows: u32, seed: u64) -> Result<Files> {
    let encoder = encoder()?;
    let ad_ranks: Vec<Vec<u32>> = (0..).zip(AD).map(|(number, field)| ranks(field, rows, seed, number)).collect();
    let device_ranks: Vec<Vec<u32>> =
        (AD.len() as u64..).zip(DEVICE).map(|(number, field)| ranks(field, rows, seed, number)).collect();
    let labels = labels(&ad_ranks, &device_ranks, seed);
    let mut counts = vec![0u64; AD[0].2 as usize];
    ad_ranks[0].iter().zip(&labels).for_each(|(&ad, &label)| counts[ad as usize] += label as u64);
    let items = items(&counts, &encoder)?;
    let count = rows as usize;
    let table = SampleRows {
        user: vec![MISSING; count],
        item: ad_ranks[0].clone(),
        label: labels,
        weight: vec![1.0; count],
        time: vec![0; count],
        history_end: vec![0; count],
        history_skip: vec![MISSING; count],
        user_features: encoded(&DEVICE, &device_ranks),
        item_features: Some(encoded(&AD, &ad_ranks)),
        truth: None,
    };
    let table = SampleTable::from_batch(&table.into_batch(&encoder)?)?;
    let (train, validation) = (SampleSet::new(vec![table]), SampleSet::default());
    Ok(Files {
        encoder,
        items,
        histories: Histories::empty(),
        train,
        validation,
        queries: None,
        lists: ListFiles::default(),
    })
}

fn encoder() -> Result<FeatureEncoder> {
    let section = |side: &str, (name, buckets, _): Field| serde_json::json!({ "name": name, "side": side, "kind": "hash", "buckets": buckets });
    let ads = AD.into_iter().map(|field| section("item", field));
    let sections = ads.chain(DEVICE.into_iter().map(|field| section("context", field))).collect();
    let sections = serde_json::from_value(serde_json::Value::Array(sections));
    let sections = sections.map_err(|error| CoreError::damaged("features", error.to_string()))?;
    let schema = FeatureSchema::check(sections, &mut Faults::default()).expect("the fields above are sound");
    Ok(FeatureEncoder::new(schema, Fitted::default())?)
}

/// One rank a row; rank `r` is drawn with a weight of `1 / (r + 3)^1.05`.
pub(super) fn ranks((_, _, distinct): Field, rows: u32, seed: u64, number: u64) -> Vec<u32> {
    let mut sum = 0.0;
    let mut cumulative = Vec::with_capacity(distinct as usize);
    for rank in 0..distinct {
        sum += (f64::from(rank) + 3.0).powf(-1.05);
        cumulative.push(sum);
    }
    let mut rng = Rng::stream(seed, "bench field", number);
    (0..rows).map(|_| cumulative.partition_point(|&until| until <= rng.unit() * sum) as u32).collect()
}

/// 1 where the taste of the ip meets that of the ad, with chance.
fn labels(ads: &[Vec<u32>], devices: &[Vec<u32>], seed: u64) -> Vec<f32> {
    let tastes = |name: &str, distinct: u32| {
        let mut rng = Rng::stream(seed, name, 0);
        (0..distinct).map(|_| [(); 4].map(|()| rng.normal())).collect::<Vec<[f64; 4]>>()
    };
    let (of_ad, of_ip) = (tastes("bench ad", AD[0].2), tastes("bench ip", DEVICE[IP].2));
    let mut rng = Rng::stream(seed, "bench label", 0);
    let columns = ads[0].iter().zip(&ads[1]).zip(&devices[IP]);
    let click = |((&ad, &site), &ip): ((&u32, &u32), &u32)| {
        let taste: f64 = of_ad[ad as usize].iter().zip(&of_ip[ip as usize]).map(|(a, b)| a * b).sum();
        let logit = -1.7 + 0.8 * taste + if site < 20 { 0.3 } else { 0.0 };
        (rng.unit() < 1.0 / (1.0 + (-logit).exp())) as u32 as f32
    };
    columns.map(click).collect()
}

/// The bucket of every rank of a field.
fn buckets((name, buckets, distinct): Field) -> Vec<u32> {
    (0..distinct).map(|rank| bucket(&format!("{name}:{rank}"), buckets)).collect()
}

fn encoded(fields: &[Field], ranks: &[Vec<u32>]) -> EncodedRows {
    let rows = ranks[0].len();
    let mut single = vec![0; rows * fields.len()];
    for (column, (field, ranks)) in fields.iter().zip(ranks).enumerate() {
        let buckets = buckets(*field);
        for (row, &rank) in ranks.iter().enumerate() {
            single[row * fields.len() + column] = buckets[rank as usize];
        }
    }
    EncodedRows { rows, single, ..EncodedRows::default() }
}

/// The ads, each with some value in every field.
fn items(counts: &[u64], encoder: &FeatureEncoder) -> Result<ItemTable> {
    let ids: Vec<String> = (0..counts.len()).map(|ad| format!("{ad:05}")).collect();
    let ranks: Vec<Vec<u32>> =
        AD.iter().map(|(_, _, distinct)| (0..counts.len() as u32).map(|ad| ad % distinct).collect()).collect();
    Ok(ItemTable::from_batch(&ItemTable::batch(&ids, counts, encoded(&AD, &ranks), encoder)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_quarter_of_the_rows_are_clicks_and_the_counts_are_theirs() {
        let made = files(20_000, 1).unwrap();
        let table = &made.train.tables()[0];
        let clicks: f32 = table.labels().iter().sum();
        assert!((0.2..0.3).contains(&(clicks / 20_000.0)), "{clicks} clicks");
        assert_eq!(made.items.counts().iter().sum::<u64>(), clicks as u64);
        assert_eq!(table.labels(), files(20_000, 1).unwrap().train.tables()[0].labels());
        assert_ne!(table.labels(), files(20_000, 2).unwrap().train.tables()[0].labels());
        table.check_references(made.items.len(), 0).unwrap();
    }
}
