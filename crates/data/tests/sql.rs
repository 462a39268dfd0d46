//! SQL in the config: rows that a predicate leaves out, wrong columns, and a program that was built without SQL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use workplace::{FEATURES, checked, checked_or_faults};

fn config(clean: &str) -> String {
    let input = "path = \"log.csv\"\nuser = \"user\"\nlabel = { column = \"click\" }\ntime = { column = \"t\", format = \"seconds\" }";
    let split = "split = { kind = \"by_column\", column = \"item\", test = [\"end\"] }";
    format!("[input]\n{input}\n[clean]\n{clean}\n[samples]\n{split}\n{FEATURES}")
}

#[cfg(not(feature = "sql"))]
#[test]
fn without_the_feature_an_expression_is_refused() {
    let derived = "where = \"dwell > 1\"\n[[input.derived]]\nname = \"d\"\nexpression = \"dwell\"";
    let faults = checked_or_faults(&config(derived)).unwrap_err();
    assert_eq!(
        faults.iter().map(|fault| &fault.key[..]).collect::<Vec<_>>(),
        ["clean.where", "input.derived[0].expression"]
    );
    for fault in faults {
        assert_eq!(fault.reason, "this program was built without SQL");
        assert_eq!(fault.hint, "build it with `cargo build --release --features sql`");
    }
    assert!(checked(&config("")).is_ok());
}

#[cfg(feature = "sql")]
mod with_sql {
    use super::{checked, checked_or_faults, config};
    use crate::workplace::{Workplace, checksums};
    use twinspire_data::DataError;

    const LOG: &str = "user,item,t,click,country,dwell\n\
        a,x,1,1,de,5\na,y,2,1,test,9\na,z,3,0,fr,0.2\nb,x,4,1,,7\nb,y,5,1,de,\nb,y,5,1,de,\nc,x,6,1,de,1\n";

    #[test]
    fn rows_for_which_the_predicate_is_not_true_are_left_out_after_all_other_rules() {
        let place = Workplace::with("log.csv", LOG);
        let filtered = |clean: &str| {
            let statistics = place.samples(&config(clean)).statistics;
            let rows: u64 = statistics.parts.values().map(|part| part.interactions).sum();
            assert_eq!(statistics.read, rows + statistics.filtered.values().sum::<u64>(), "no row is lost");
            let of = |reason: &str| statistics.filtered.get(reason).copied().unwrap_or(0);
            (of("duplicate"), of("where"))
        };
        assert_eq!(filtered("where = \"country <> 'test'\""), (0, 2), "an empty cell is not known to differ");
        assert_eq!(filtered("drop_duplicates = {}\nwhere = \"dwell > 1\""), (1, 3));
        assert_eq!(filtered("where = \"dwell > 1 OR dwell IS NULL\""), (0, 2));
        assert_eq!(filtered("where = \"\\\"user\\\" <> 'a' AND t < 6\""), (0, 4));
    }

    #[test]
    fn a_key_that_an_object_leaves_out_is_null_as_an_empty_one_is() {
        let row = |rest: &str| format!("{{\"user\": \"a\", \"item\": \"x\", \"t\": 1, \"click\": 1{rest}}}\n");
        let log =
            ["", ", \"dwell\": null", ", \"dwell\": \"\"", ", \"dwell\": 0.5", ", \"dwell\": 5"].map(row).concat();
        let place = Workplace::with("log.jsonl", &log);
        for (predicate, left_out) in [("dwell > 1", 4), ("dwell > 1 OR dwell IS NULL", 1), ("dwell IS NULL", 2)] {
            let config = config(&format!("where = \"{predicate}\"")).replace("log.csv", "log.jsonl");
            assert_eq!(place.samples(&config).statistics.filtered["where"], left_out, "{predicate}");
        }
    }

    #[test]
    fn another_predicate_makes_new_samples_and_the_same_one_does_not() {
        let place = Workplace::with("log.csv", LOG);
        let is_skipped = |clean: &str| place.samples(&config(clean)).outcome.is_skipped();
        let made = ["dwell > 1", "dwell > 1", "dwell > 2"].map(|text| is_skipped(&format!("where = \"{text}\"")));
        assert_eq!(made, [false, true, false]);
    }

    #[test]
    fn a_wrong_column_is_named_with_those_that_are_there() {
        let place = Workplace::with("log.csv", LOG);
        let error = place.check(&config("where = \"contry = 'de'\"")).unwrap_err();
        let DataError::MissingColumn { key, column, found, suggestion, .. } = error else { panic!("{error}") };
        assert_eq!((key.as_str(), column.as_str()), ("clean.where", "contry"));
        assert_eq!((found.len(), suggestion.as_deref()), (6, Some("country")));
    }

    /// A feature of the user's side of each kind of value, and one of the item.
    const COMPUTED: &str = r#"
[[features]]
name = "long"
side = "context"
kind = "vocabulary"
[[features]]
name = "half"
side = "user"
kind = "numeric"
[[features]]
name = "place"
side = "item"
kind = "hash"
buckets = 50
"#;

    const DERIVED: &str = r#"
[[input.derived]]
name = "long"
expression = "dwell > 2"
[[input.derived]]
name = "half"
expression = "CASE WHEN click = 1 THEN dwell / 2 ELSE 0.0 / 0.0 END"
[[input.derived]]
name = "place"
expression = "upper(country) || item"
"#;

    #[test]
    fn computed_columns_give_the_samples_of_a_log_that_has_them() {
        let computed = Workplace::with("log.csv", LOG);
        let written = Workplace::with(
            "log.csv",
            "user,item,t,click,country,dwell,long,half,place\n\
            a,x,1,1,de,5,true,2.5,DEx\na,y,2,1,test,9,true,4.5,TESTy\na,z,3,0,fr,0.2,false,,FRz\n\
            b,x,4,1,,7,true,3.5,\nb,y,5,1,de,,,,DEy\nb,y,5,1,de,,,,DEy\nc,x,6,1,de,1,false,0.5,DEx\n",
        );
        let clean = "drop_duplicates = { by = [\"place\", \"t\"] }\nwhere = \"half > 1 OR half IS NULL\"\n";
        let made = [(&computed, DERIVED), (&written, "")].map(|(place, derived)| {
            let report = place.samples(&config(&format!("{clean}{derived}{COMPUTED}")));
            let of = |reason: &str| report.statistics.filtered[reason];
            assert_eq!((of("duplicate"), of("where")), (1, 1));
            checksums(report.outcome.manifest())
        });
        assert_eq!(made[0], made[1]);
    }

    #[test]
    fn a_computed_column_has_a_name_and_a_type_that_fit() {
        let derived =
            |name: &str, text: &str| format!("[[input.derived]]\nname = \"{name}\"\nexpression = \"{text}\"\n");
        let numeric = "[[features]]\nname = \"half\"\nside = \"user\"\nkind = \"numeric\"\n";
        let keys = |text: String| checked(&config(&text)).unwrap_err();
        assert_eq!(keys(derived("half", "upper(dwell)") + numeric), ["features[0].kind"]);
        assert!(checked(&config(&(derived("half", "number(dwell)") + numeric))).is_ok());
        let twice = derived("one", "dwell") + &derived("one", "dwell") + &derived("", "dwel(");
        assert_eq!(keys(twice), ["input.derived[1].name", "input.derived[2].name", "input.derived[2].expression"]);
        assert_eq!(keys(derived("list", "make_array(dwell)")), ["input.derived[0].expression"]);
        let place = Workplace::with("log.csv", LOG);
        let error = place.check(&config(&derived("country", "dwell"))).unwrap_err();
        assert!(error.to_string().contains("has a column `country` already"), "{error}");
        let error = place.check(&config(&derived("half", "dwel"))).unwrap_err();
        assert!(matches!(error, DataError::MissingColumn { suggestion: Some(name), .. } if name == "dwell"));
    }

    #[test]
    fn an_expression_that_cannot_be_evaluated_is_a_fault_of_the_config() {
        for text in ["dwell >", "dwell + 1", "sum(dwell) > 1", "random() > 0.5"] {
            assert_eq!(checked(&config(&format!("where = \"{text}\""))).unwrap_err(), ["clean.where"], "{text}");
        }
        let [fault] = &checked_or_faults(&config("where = \"dwell > > 1\"")).unwrap_err()[..] else { panic!("one") };
        assert_eq!((&fault.value[..], &fault.hint[..]), ("dwell > > 1", "twinspire config explain clean.where"));
        assert_eq!(fault.reason, "Expected: an expression, found: > at Line: 1, Column: 9");
    }
}
