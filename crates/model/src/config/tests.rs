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
    assert_eq!(train.loss, LossSection::Bce { negatives_per_positive: 4 });
    let model: ModelSection = serde_json::from_str(r#"{"user_tower": {"residual": true}}"#).unwrap();
    assert_eq!((model.user_tower.hidden, model.output_dimension), (vec![128, 64], 32));
}

#[test]
fn all_faults_are_found_at_once() {
    let model = r#"{"embedding_dimension": 0, "output_dimension": 1, "item_tower": {"hidden": [64, 1]}}"#;
    let train = r#"{"epochs": 0, "batch_size": 1, "learning_rate": 0, "decay_rate": 1.5, "decay_epochs": 0,
                    "steps_per_epoch": 0, "validation_steps": 0, "loss": {"kind": "in_batch_softmax", "temperature": 0.001},
                    "optimizer": {"kind": "adam", "beta1": 1.0, "epsilon": 0.0}}"#;
    let expected = [
        "model.embedding_dimension",
        "model.output_dimension",
        "model.item_tower.hidden",
        "features[0].dimension",
        "train.epochs",
        "train.batch_size",
        "train.steps_per_epoch",
        "train.validation_steps",
        "train.learning_rate",
        "train.decay_rate",
        "train.decay_epochs",
        "train.loss.temperature",
        "train.optimizer.beta1",
        "train.optimizer.epsilon",
    ];
    assert_eq!(faults(model, train, 4096), expected);
    let none = r#"{"loss": {"kind": "bce", "negatives_per_positive": 0}}"#;
    assert_eq!(faults("{}", none, 8), ["train.loss.negatives_per_positive"]);
}

#[test]
fn unknown_keys_are_refused() {
    for text in [r#"{"epoch": 3}"#, r#"{"loss": {"kind": "bce", "temperature": 1}}"#, r#"{"loss": {"kind": "hinge"}}"#]
    {
        assert!(serde_json::from_str::<TrainSection>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<ModelSection>(r#"{"tower": {}}"#).is_err());
}
