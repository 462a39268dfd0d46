//! Faults are found all at once, and defaults are sound.

use super::*;
use twinspire_core::check::Faults;
use twinspire_core::schema::FeatureSchema;

fn schema(dimension: u32) -> FeatureSchema {
    let json = serde_json::json!([
        {"name": "city", "side": "user", "kind": "hash", "buckets": 9, "dimension": dimension},
        {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]);
    FeatureSchema::check(serde_json::from_value(json).unwrap(), &mut Faults::default()).unwrap()
}

fn faults(model: &str, train: &str, dimension: u32) -> Vec<String> {
    let (model, train) = (serde_json::from_str(model).unwrap(), serde_json::from_str(train).unwrap());
    let mut faults = Faults::default();
    let checked = ModelSettings::check(&model, &train, &schema(dimension), false, &mut faults);
    assert_eq!(checked.is_some(), faults.is_empty());
    faults.into_vec().into_iter().map(|fault| fault.key).collect()
}

#[test]
fn defaults_are_sound_and_stand_for_missing_keys() {
    assert!(faults("{}", "{}", 8).is_empty());
    let train: TrainSection = serde_json::from_str(r#"{"loss": {"kind": "bce"}}"#).unwrap();
    assert_eq!((train.loss, train.known_positives), (LossSection::Bce {}, KnownPositives::Train));
    let model: ModelSection = serde_json::from_str(r#"{"user_tower": {"residual": true}}"#).unwrap();
    assert_eq!((model.user_tower.hidden, model.output_dimension), (vec![128, 64], 32));
}

#[test]
fn all_faults_are_found_at_once() {
    let model = r#"{"embedding_dimension": 0, "output_dimension": 1, "item_tower": {"hidden": [64, 1]}}"#;
    let train = r#"{"epochs": 0, "batch_size": 1, "learning_rate": 0, "checkpoints": {"keep": 0, "steps": 0},
                    "steps_per_epoch": 0, "validation_steps": 0, "loss": {"kind": "in_batch_softmax", "temperature": 0.001},
                    "optimizer": {"kind": "adam", "beta1": 1.0, "epsilon": 0.0, "weight_decay": -1}, "clip": {"norm": 0, "value": -1},
                    "schedule": {"kind": "exponential", "rate": 1.5, "epochs": 0}, "early_stopping": {"patience": 0, "min_delta": -1}}"#;
    let expected = [
        "model.embedding_dimension",
        "model.output_dimension",
        "model.item_tower.hidden",
        "features[0].dimension",
        "train.epochs",
        "train.learning_rate",
        "train.batch_size",
        "train.steps_per_epoch",
        "train.validation_steps",
        "train.checkpoints.steps",
        "train.checkpoints.keep",
        "train.loss.temperature",
        "train.optimizer.beta1",
        "train.optimizer.epsilon",
        "train.optimizer.weight_decay",
        "train.clip.norm",
        "train.clip.value",
        "train.schedule.rate",
        "train.schedule.epochs",
        "train.early_stopping.patience",
        "train.early_stopping.min_delta",
    ];
    assert_eq!(faults(model, train, 4096), expected);
}

#[test]
fn cross_layers_are_few_and_their_rank_is_below_the_width() {
    let of = |cross: &str| faults(&format!(r#"{{"item_tower": {{"cross": {cross}}}}}"#), "{}", 8);
    assert!(of("{}").is_empty() && of(r#"{"layers": 8, "rank": 1}"#).is_empty());
    for (cross, key) in [(r#"{"layers": 0}"#, "layers"), (r#"{"rank": 0}"#, "rank"), (r#"{"rank": 4096}"#, "rank")] {
        assert_eq!(of(cross), [format!("model.item_tower.cross.{key}")], "{cross}");
    }
}

#[test]
fn dot_products_have_the_losses_that_are_not_of_cosines_and_a_cosine_is_not_written() {
    let of = |loss: &str| faults(r#"{"score": "dot"}"#, &format!(r#"{{"loss": {{"kind": {loss}}}}}"#), 8);
    let sound = ["in_batch_softmax", "sampled_softmax", "full_softmax", "bpr", "hinge"];
    assert!(sound.iter().all(|kind| of(&format!(r#""{kind}""#)).is_empty()));
    for kind in ["bce", "cosine_contrastive"] {
        assert_eq!(of(&format!(r#""{kind}""#)), ["train.loss.kind"], "{kind}");
    }
    let wide = r#""hinge", "margin": 30"#;
    assert!(of(wide).is_empty());
    assert_eq!(faults("{}", &format!(r#"{{"loss": {{"kind": {wide}}}}}"#), 8), ["train.loss.margin"]);
    let written = |score| serde_json::to_string(&ModelSection { score, ..ModelSection::default() }).unwrap();
    assert!(!written(Score::Cosine).contains("score") && written(Score::Dot).contains(r#""score":"dot""#));
}

#[test]
fn a_learned_temperature_stays_within_its_bounds() {
    let of = |value: &str| {
        let loss = format!(r#"{{"loss": {{"kind": "full_softmax", "temperature": {value}}}}}"#);
        faults("{}", &loss, 8)
    };
    assert!(of(r#""learned""#).is_empty() && of(r#"{"start": 1.0}"#).is_empty() && of("1").is_empty());
    for (value, key) in [
        (r#"{"start": 0.01}"#, "start"),
        (r#"{"lowest": 0.01, "start": 0.1}"#, "lowest"),
        (r#"{"lowest": 0.2, "start": 0.2, "highest": 0.2}"#, "highest"),
    ] {
        assert_eq!(of(value), [format!("train.loss.temperature.{key}")], "{value}");
    }
}

#[test]
fn each_optimizer_and_schedule_refuses_what_it_cannot_use() {
    let of = |key: &str, value: &str| faults("{}", &format!(r#"{{"{key}": {value}}}"#), 8);
    for (value, expected) in [
        (r#"{"kind": "adam_w", "beta2": 1, "weight_decay": -1}"#, &["beta2", "weight_decay"][..]),
        (r#"{"kind": "adagrad", "initial": -1, "epsilon": 0, "row_wise": true}"#, &["initial", "epsilon"]),
        (r#"{"kind": "sgd", "momentum": 1}"#, &["momentum"]),
        (r#"{"kind": "sgd", "nesterov": true}"#, &["nesterov"]),
        (r#"{"kind": "sgd", "nesterov": true, "momentum": 0.9}"#, &[]),
    ] {
        let expected: Vec<String> = expected.iter().map(|key| format!("train.optimizer.{key}")).collect();
        assert_eq!(of("optimizer", value), expected, "{value}");
    }
    for (value, expected) in [
        (r#"{"kind": "constant"}"#, &[][..]),
        (r#"{"kind": "cosine", "floor": 1.5}"#, &["floor"]),
        (r#"{"kind": "plateau", "factor": 1, "min_delta": -1}"#, &["factor", "min_delta"]),
    ] {
        let expected: Vec<String> = expected.iter().map(|key| format!("train.schedule.{key}")).collect();
        assert_eq!(of("schedule", value), expected, "{value}");
    }
}

#[test]
fn negatives_are_checked_with_the_loss_that_draws_them() {
    let negatives = |loss: &str, entries: &str| {
        faults("{}", &format!(r#"{{"loss": {{"kind": "{loss}"}}, "negatives": [{entries}]}}"#), 8)
    };
    let wrong = r#"{"kind": "uniform", "count": 0, "weight": 0}, {"kind": "popularity", "alpha": 3, "uniform_floor": 2},
        {"kind": "impressed", "recent": 0}, {"kind": "same_attribute", "feature": "city"}"#;
    let expected = [
        "train.negatives[0].count",
        "train.negatives[0].weight",
        "train.negatives[1].alpha",
        "train.negatives[1].uniform_floor",
        "train.negatives[2].recent",
        "train.negatives[3].feature",
    ];
    assert_eq!(negatives("sampled_softmax", wrong), expected);
    let sound = r#"{"kind": "uniform", "shared": true}, {"kind": "in_batch"}, {"kind": "mined"},
        {"kind": "same_attribute", "feature": "id", "count": 2}"#;
    assert!(negatives("sampled_softmax", sound).is_empty());
    assert_eq!(negatives("bce", sound), ["train.negatives[0].shared", "train.negatives[1].shared"]);
    assert_eq!(negatives("in_batch_softmax", r#"{"kind": "uniform"}"#), ["train.negatives"]);
    let earlier = r#"{"kind": "in_batch"}, {"kind": "cross_batch"}"#;
    assert!(negatives("sampled_softmax", earlier).is_empty() && negatives("hinge", earlier).is_empty());
    let wrong = r#"{"kind": "in_batch"}, {"kind": "cross_batch", "batches": 0}, {"kind": "cross_batch", "batches": 2000},
        {"kind": "in_batch", "weight": 2.0}"#;
    let expected = [
        "train.negatives[1].batches",
        "train.negatives[2].kind",
        "train.negatives[2].batches",
        "train.negatives[3].kind",
    ];
    assert_eq!(negatives("sampled_softmax", wrong), expected);
    let drawn = r#"{"kind": "cross_batch"}, {"kind": "in_batch", "count": 2}, {"kind": "in_batch", "count": 3}"#;
    assert_eq!(negatives("bpr", drawn), ["train.negatives[0].kind"], "drawn rows are not all rows");
    let corrected = r#"{"kind": "uniform"}, {"kind": "in_batch"}"#;
    assert_eq!(negatives("sampled_softmax", corrected), ["train.negatives"], "one is shared, one is not");
    assert!(negatives("bce", r#"{"kind": "uniform"}, {"kind": "in_batch", "count": 3}"#).is_empty());
}

#[test]
fn what_is_not_written_stands_for_uniform_negatives() {
    let negatives = |loss: LossSection, labels_mode: bool| {
        let train = TrainSection { loss, ..TrainSection::default() };
        let mut faults = Faults::default();
        let checked = ModelSettings::check(&ModelSection::default(), &train, &schema(8), labels_mode, &mut faults);
        checked
            .unwrap()
            .negatives()
            .iter()
            .map(NegativesSection::common)
            .map(|common| (common.count, common.shared))
            .collect::<Vec<_>>()
    };
    let sampled = || LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.1) };
    assert_eq!(negatives(LossSection::Bce {}, false), [(Some(4), false)]);
    assert_eq!(negatives(LossSection::Bce {}, true), []);
    assert_eq!(negatives(sampled(), false), [(Some(1024), true)]);
    assert_eq!(negatives(LossSection::FullSoftmax { temperature: Temperature::Fixed(0.1) }, false), []);
}

#[test]
fn encoders_are_checked_with_the_features_that_they_read() {
    let json = serde_json::json!([
        {"name": "seen", "side": "user", "kind": "history", "of": ["id", "price"]},
        {"name": "id", "side": "item", "kind": "hash", "buckets": 9, "dimension": 6},
        {"name": "price", "side": "item", "kind": "bucketised", "boundaries": [1, 2], "dimension": 3}]);
    let schema = FeatureSchema::check(serde_json::from_value(json).unwrap(), &mut Faults::default()).unwrap();
    let faults = |model: serde_json::Value, positions: TrainedPositions| {
        let mut faults = Faults::default();
        let train = TrainSection { positions, ..TrainSection::default() };
        let model: ModelSection = serde_json::from_value(model).unwrap();
        ModelSettings::check(&model, &train, &schema, false, &mut faults);
        faults.into_vec().into_iter().map(|fault| fault.key).collect::<Vec<_>>()
    };
    let bare = serde_json::json!({"hidden": [], "project": false});
    let encoder = |changes: serde_json::Value| {
        let mut entry = serde_json::json!({"kind": "self_attention", "feature": "seen", "heads": 3});
        entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        entry
    };
    let wrong =
        serde_json::json!({"feature": "seen", "heads": 4, "blocks": 0, "inner": 0, "dropout": 1.0, "causal": false});
    let model = serde_json::json!({"output_dimension": 9, "user_tower": bare, "item_tower": {"hidden": [4], "project": false},
        "encoders": [encoder(serde_json::json!({})), encoder(wrong), encoder(serde_json::json!({"feature": "id"}))]});
    let expected =
        ["feature", "blocks", "inner", "dropout", "heads"].map(|key| format!("model.encoders[1].{key}")).to_vec();
    let others = ["model.encoders[2].feature".to_owned(), "train.positions".to_owned()];
    let expected = [vec!["model.item_tower.project".to_owned()], expected, others.to_vec()].concat();
    assert_eq!(faults(model, TrainedPositions::All), expected);
    let sound = serde_json::json!({"output_dimension": 9, "user_tower": bare, "item_tower": bare,
        "encoders": [encoder(serde_json::json!({}))]});
    assert_eq!(faults(sound, TrainedPositions::All), [""; 0]);
    assert_eq!(faults(serde_json::json!({}), TrainedPositions::All), ["train.positions"], "nothing encodes a history");
    let attending = serde_json::json!({"encoders": [
        {"kind": "din", "feature": "seen", "hidden": 0, "dropout": 1.0, "attention_query": "profile"},
        {"kind": "dien", "feature": "seen", "auxiliary_weight": -1.0, "attention_query": "profile"}]});
    let keys = ["[0].dropout", "[0].hidden", "[0].attention_query"];
    let expected = [&keys[..], &["[1].feature", "[1].auxiliary_weight", "[1].attention_query"]].concat();
    let several =
        serde_json::json!({"kind": "interests", "feature": "seen", "count": 17, "hidden": 0, "dropout": -0.1});
    let expected_of_several = ["dropout", "count", "hidden"].map(|key| format!("model.encoders[0].{key}"));
    assert_eq!(faults(serde_json::json!({"encoders": [several]}), TrainedPositions::All), expected_of_several);
    let model: ModelSection =
        serde_json::from_value(serde_json::json!({"encoders": [{"kind": "interests", "feature": "seen"}]})).unwrap();
    let train = TrainSection { loss: LossSection::Bce {}, ..TrainSection::default() };
    let mut found = Faults::default();
    ModelSettings::check(&model, &train, &schema, false, &mut found);
    assert_eq!(found.into_vec().into_iter().map(|fault| fault.key).collect::<Vec<_>>(), ["train.loss.kind"]);
    assert_eq!(
        faults(attending, TrainedPositions::Single),
        expected.iter().map(|key| format!("model.encoders{key}")).collect::<Vec<_>>()
    );
}

#[test]
fn unknown_keys_are_refused() {
    for text in [r#"{"epoch": 3}"#, r#"{"loss": {"kind": "bce", "temperature": 1}}"#, r#"{"loss": {"kind": "focal"}}"#]
    {
        assert!(serde_json::from_str::<TrainSection>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<ModelSection>(r#"{"tower": {}}"#).is_err());
}
