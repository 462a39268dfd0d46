//! Sections to settings: defaults, every fault at once, the part that judges.

use super::*;
use crate::testing::{schema, settings};
use twinspire_core::check::{Fault, Faults};
use twinspire_core::interaction::Part;
use twinspire_core::sample::SampleLayout;

fn faults_of(evaluate: &str, channels: &str) -> Vec<Fault> {
    let mut faults = Faults::default();
    let (evaluate, channels) = (serde_json::from_str(evaluate).unwrap(), serde_json::from_str(channels).unwrap());
    let checked = RetrievalSettings::check(&evaluate, &IndexSection::default(), &channels, &schema(), &mut faults);
    assert_eq!(checked.is_some(), faults.is_empty());
    faults.into_vec()
}

fn keys(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.key.as_str()).collect()
}

#[test]
fn the_defaults_are_sound_and_survive_a_round_trip() {
    assert!(faults_of("{}", "{}").is_empty());
    let written = serde_json::to_string(&ChannelsSection::default()).unwrap();
    assert_eq!(serde_json::from_str::<ChannelsSection>(&written).unwrap(), ChannelsSection::default());
    let plan = settings("{}").plan().clone();
    let names: Vec<&str> = plan.channels().iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!((names, plan.leave_out_seen()), (vec!["two_tower", "item_cf", "popular"], true));
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = faults_of(
        r#"{"k": [10, 0]}"#,
        r#"{"list": [
            {"kind": "two_tower", "name": "Two Towers", "share": -1},
            {"kind": "item_cf", "neighbours": 0, "user_exponent": 3, "item_exponent": 2, "history_length": 0, "user_length": 1},
            {"kind": "popular_by", "name": "item_cf", "feature": "tags", "half_life_days": -1}]}"#,
    );
    let expected = [
        "evaluate.k",
        "channels.list[0].name",
        "channels.list[0].share",
        "channels.list[1].neighbours",
        "channels.list[1].user_exponent",
        "channels.list[1].item_exponent",
        "channels.list[1].history_length",
        "channels.list[1].user_length",
        "channels.list[2].half_life_days",
        "channels.list[2].feature",
        "channels.list[2].name",
    ];
    assert_eq!(keys(&faults), expected);
    assert!(faults[9].reason.ends_with("user, city, recent"), "{}", faults[9].reason);
}

#[test]
fn a_channel_may_not_take_the_name_of_a_row_of_every_report() {
    for name in ["merged", "popularity"] {
        let taken = format!(r#"{{"list": [{{"kind": "popular", "name": "{name}"}}]}}"#);
        assert_eq!(keys(&faults_of("{}", &taken)), ["channels.list[0].name"]);
    }
}

#[test]
fn no_channel_and_no_share_are_faults() {
    assert_eq!(keys(&faults_of(r#"{"k": []}"#, r#"{"list": []}"#)), ["evaluate.k", "channels.list"]);
    let idle = r#"{"list": [{"kind": "popular", "share": 0}]}"#;
    assert_eq!(keys(&faults_of("{}", idle)), ["channels.list"]);
    assert!(serde_json::from_str::<ChannelsSection>(r#"{"list": [{"kind": "popular", "neighbours": 3}]}"#).is_err());
    assert!(serde_json::from_str::<ChannelsSection>(r#"{"list": [{"kind": "swing"}]}"#).is_err());
}

#[test]
fn lengths_are_sorted_and_channels_stand_by_priority() {
    let mut faults = Faults::default();
    let evaluate = EvaluateSection { k: vec![50, 10, 50], ..EvaluateSection::default() };
    let channels = r#"{"list": [{"kind": "popular", "priority": 2}, {"kind": "two_tower", "priority": 1}]}"#;
    let channels = serde_json::from_str(channels).unwrap();
    let checked = RetrievalSettings::check(&evaluate, &IndexSection::default(), &channels, &schema(), &mut faults);
    let checked = checked.unwrap();
    assert_eq!(checked.lengths(), [10, 50]);
    let kinds: Vec<&str> = checked.plan().channels().iter().map(|channel| channel.kind.name()).collect();
    assert_eq!(kinds, ["two_tower", "popular"]);
}

#[test]
fn test_judges_if_it_can_and_validation_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let samples = SampleLayout { folder: folder.path().to_owned() };
    let chosen = settings("{}");
    assert_eq!(chosen.judged_part(&samples).unwrap_err().code(), "no-queries");
    std::fs::create_dir(folder.path().join("queries")).unwrap();
    for part in [Part::Validation, Part::Test] {
        std::fs::write(samples.queries(part), "").unwrap();
        assert_eq!(chosen.judged_part(&samples).unwrap(), part);
    }
}
