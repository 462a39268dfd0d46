//! What errors say, word for word, and which exit code they stand for.

use std::collections::BTreeMap;
use twinspire_cli::error::CliError;
use twinspire_cli::report::{ErrorReport, error_text};
use twinspire_core::CoreError;
use twinspire_data::DataError;
use twinspire_data::ingest::{FileAccount, Kind, Limit, Reject};
use twinspire_model::{Alarm, ModelError, Sign};
use twinspire_serve::ServeError;

fn missing_column() -> CliError {
    CliError::Data(DataError::MissingColumn {
        key: "input.item".into(),
        column: "itm".into(),
        file: "logs/a.csv".into(),
        found: vec!["user".into(), "item".into()],
        suggestion: Some("item".into()),
    })
}

fn too_many_rejects() -> CliError {
    let reject = Reject {
        file: "logs/a.csv".into(),
        line: 17,
        byte_offset: 400,
        column: Some("time".into()),
        kind: Kind::BadTime,
        value: "yesterday".into(),
        row: "u,i,yesterday".into(),
        hint: String::new(),
    };
    let rejected = BTreeMap::from([("BAD_TIME".to_owned(), 1)]);
    let account =
        FileAccount { path: "logs/a.csv".into(), read: 10, rejected, examples: vec![reject], ..FileAccount::default() };
    let rejects = "out/rejects.jsonl".into();
    CliError::Data(DataError::TooManyRejects {
        account: Box::new(account),
        limit: Limit::MaxRejectRatio(0.01),
        rejects,
    })
}

#[test]
fn an_error_says_what_where_why_and_what_to_do_next() {
    let stage = CliError::StageMissing { stage: "samples", folder: "out/runs/2026-11-20".into() };
    let expected = "error[stage-missing]: `samples` has not been made yet in out/runs/2026-11-20\n\
        hint: `twinspire run` makes what is missing and keeps what is there\n";
    assert_eq!(error_text(&stage), expected);
    let expected = "error[missing-column]: input.item: column `itm` is not in logs/a.csv; its columns are: user, item\n\
        hint: did you mean `item`? Set it at input.item\n";
    assert_eq!(error_text(&missing_column()), expected);
    let expected = "error[too-many-rejects]: logs/a.csv: 1 of 10 rows rejected, more than max_reject_ratio = 0.01 allows\n  \
        --> logs/a.csv:17 BAD_TIME in time: \"yesterday\"\n\
        hint: look at out/rejects.jsonl, then correct the rows or raise input.max_reject_ratio\n";
    assert_eq!(error_text(&too_many_rejects()), expected);
    let k = CliError::Core(CoreError::Invalid { field: "k".into(), reason: "0 is not in 1..=1000".into() });
    let expected = "error[invalid-value]: k: 0 is not in 1..=1000\nhint: correct the value and try again\n";
    assert_eq!((error_text(&k).as_str(), k.exit().code()), (expected, 2));
}

#[test]
fn the_report_for_scripts_names_the_key_that_is_to_blame() {
    let report = serde_json::to_value(ErrorReport::new(&missing_column())).unwrap();
    assert_eq!((&report["code"], &report["key"]), (&"missing-column".into(), &"input.item".into()));
    assert_eq!((report.get("faults"), report["hint"].is_string()), (None, true));
}

#[test]
fn each_kind_of_end_has_its_exit_code() {
    let (rows, checkpoint) = (vec![3, 1], Some("out/checkpoints/step-000000000006".into()));
    let diverged = ModelError::Diverged { epoch: 1, step: 7, what: "loss", loss: f64::NAN, rows, checkpoint };
    let damaged = || CoreError::damaged("a", "b");
    let exists = || CoreError::Exists { path: "bundles/x".into() };
    let checkpoint = "out/checkpoints/step-000000000006".into();
    let stopped = ModelError::Stopped { epoch: 1, step: 6, checkpoint };
    let alarm = Alarm { sign: Sign::MeanCosine, figure: 0.99, limit: 0.9, stops: true };
    let checkpoint = "out/checkpoints/step-000000000006-judged".into();
    let collapsed = ModelError::Collapsed { epoch: 1, step: 6, alarms: vec![alarm], checkpoint };
    let ends: [(CliError, u8); 11] = [
        (collapsed.into(), 4),
        (missing_column(), 1),
        (too_many_rejects(), 3),
        (diverged.into(), 4),
        (stopped.into(), 130),
        (exists().into(), 6),
        (DataError::Core(exists()).into(), 6),
        (damaged().into(), 1),
        (ServeError::Stopped(std::io::ErrorKind::Other.into()).into(), 1),
        (CliError::ConfigMissing { path: "twinspire.toml".into() }, 2),
        (CliError::Usage { message: "a".into(), hint: "b".into() }, 2),
    ];
    for (error, code) in ends {
        assert_eq!(error.exit().code(), code, "{error}");
        assert!(!error.code().is_empty());
    }
}
