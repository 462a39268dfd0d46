//! Logs to interactions: every row is accounted for, faults are named, and the bytes do not depend on threads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::BTreeMap;
use twinspire_core::interaction::EventKind;
use twinspire_core::rng::Rng;
use twinspire_core::table::{read_mapped, text_column};
use twinspire_data::DataError;
use twinspire_data::ingest::{IngestReport, Kind, Limit};
use workplace::{FEATURES, Told, Workplace, checksums, gzip};

/// A split that needs neither time nor user; `COLUMN` is any column of the log.
const SPLIT: &str = "[samples]\nsplit = { kind = \"by_column\", column = \"COLUMN\", test = [\"none\"] }\n";

fn config(input: &str) -> String {
    format!("[input]\n{input}\n{}{FEATURES}", SPLIT.replace("COLUMN", "item"))
}

/// Rejected rows by kind, over all files.
fn kinds(report: &IngestReport) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for account in &report.accounts {
        assert!(account.is_balanced(), "{account:?}");
        account.rejected.iter().for_each(|(kind, count)| *kinds.entry(kind.clone()).or_default() += count);
    }
    kinds
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

const LABELLED: &str = r#"
path = "log.csv"
user = "user"
max_reject_ratio = 1.0
time = { column = "t", format = "seconds" }
label = { column = "label" }
"#;

#[test]
fn a_bad_label_time_or_id_is_a_rejected_row() {
    let long = "x".repeat(257);
    let text = format!(
        "user,item,t,label\na,1,10,1\na,2,11,0\na,3,12,1.0\na,4,13,2\na,5,14,NaN\na,6,15,yes\na,7,16,\n\
         a,8,noon,1\n,9,17,1\na,,18,1\n{long},1,19,1\na,\x07,20,1\na,1\n"
    );
    let place = Workplace::with("log.csv", &text);
    let report = place.ingest(&config(LABELLED)).unwrap();
    let expected = [("LABEL", 1), ("NON_FINITE", 1), ("CAST", 2), ("BAD_TIME", 1), ("BAD_ID", 4), ("FEW_COLUMNS", 1)];
    assert_eq!(kinds(&report), counts(&expected));
    assert_eq!((report.accounts[0].read, report.accounts[0].accepted), (13, 3));
    let label = report.accounts[0].examples.iter().find(|reject| reject.kind == Kind::Label).unwrap();
    assert_eq!((label.line, label.column.as_deref(), label.value.as_str()), (5, Some("label"), "2"));
    assert_eq!((label.row.as_str(), label.byte_offset), ("a,4,13,2", 47));
    assert!(report.lines().iter().any(|line| line == "rejected: LABEL         1"), "{:#?}", report.lines());
    let stored = std::fs::read_to_string(place.run_dir().join("interactions/rejects.jsonl")).unwrap();
    assert_eq!(stored.lines().count(), 10);
    let as_ratings = LABELLED.replace("\"label\" }", "\"label\", at_least = 1.5 }");
    let report = place.ingest(&config(&as_ratings)).unwrap();
    assert_eq!(report.accounts[0].accepted, 4, "a threshold allows any finite number");
    assert_eq!(place.interactions().iter().filter(|(.., kind, _)| kind.is_positive()).count(), 1);
}

#[test]
fn a_cell_that_a_feature_cannot_read_is_a_rejected_row() {
    let text = "user,item,price,tags\na,1,2.5,x:1|y:0.5\na,2,,\na,3,dear,x:1\na,4,inf,x:1\na,5,1e300,x:1\na,6,1,x\na,7,1,x:-1\n";
    let place = Workplace::with("log.csv", text);
    let features = r#"
[[features]]
name = "price"
side = "context"
kind = "numeric"
[[features]]
name = "tags"
side = "context"
kind = "hash"
buckets = 10
list = { separator = "|", weighted = true }
"#;
    let with_numbers = config("path = \"log.csv\"\nuser = \"user\"\nmax_reject_ratio = 1.0") + features;
    let report = place.ingest(&with_numbers).unwrap();
    assert_eq!(kinds(&report), counts(&[("CAST", 1), ("NON_FINITE", 2), ("WEIGHT", 2)]));
    assert_eq!(report.accounts[0].accepted, 2);
}

/// Kinds and numbers of the positive events of a log.
fn event_kinds(text: &str, input: &str) -> Vec<(EventKind, u8)> {
    let place = Workplace::with("log.csv", text);
    place.ingest(&config(&format!("path = \"log.csv\"\nuser = \"user\"\n{input}"))).unwrap();
    place.interactions().into_iter().map(|(.., kind, event)| (kind, event)).collect()
}

#[test]
fn events_are_positives_by_number_rejections_or_impressions() {
    use EventKind::{Impression, Positive, Rejected};
    let text = "user,item,what\na,1,impression\na,2,click\nb,2,buy\nb,3,\nb,4,hide\n";
    let list = "event = { column = \"what\", positive = [\"click\", \"buy\"], rejected = [\"hide\"] }";
    let expected = [(Impression, 0), (Positive, 0), (Positive, 1), (Impression, 0), (Rejected, 0)];
    assert_eq!(event_kinds(text, list), expected);
    let weights = "event = { column = \"what\", positive = { click = 1, buy = 10 } }";
    let expected = [(Impression, 0), (Positive, 1), (Positive, 0), (Impression, 0), (Impression, 0)];
    assert_eq!(event_kinds(text, weights), expected, "a table of weights is numbered by name");
}

#[test]
fn of_rows_that_become_no_sample_only_cells_that_something_reads_are_stored() {
    let text = "user,item,what,page,place\na,1,show,p,7\na,2,click,q,8\na,3,hide,,9\n";
    let place = Workplace::with("log.csv", text);
    let event = "event = { column = \"what\", positive = [\"click\"], rejected = [\"hide\"] }";
    let features = |side: &str| {
        let place = "[[features]]\nname = \"place\"\nside = \"context\"\nkind = \"numeric\"\n";
        format!("{FEATURES}{place}[[features]]\nname = \"page\"\nside = \"{side}\"\nkind = \"hash\"\nbuckets = 9\n")
    };
    let stored = |side: &str, clean: &str, samples: &str| {
        let input = format!("[input]\npath = \"log.csv\"\nuser = \"user\"\n{event}\n");
        place.ingest(&format!("{input}{clean}\n{samples}{}", features(side))).unwrap();
        let table = place.interaction_tables().pop().unwrap();
        ["f:page", "f:place"].map(|name| {
            let cells = text_column(&table, name).unwrap().iter();
            cells.map(|cell| cell.unwrap_or("-").to_owned()).collect::<String>()
        })
    };
    let events = SPLIT.replace("COLUMN", "item");
    assert_eq!(stored("context", "", &events), ["-q-", "-8-"]);
    assert_eq!(stored("user", "", &events), ["pq-", "-8-"], "the last that is known of a user may be that of any row");
    assert_eq!(stored("item", "", &events), ["pq-", "-8-"], "any row may stand for its item");
    assert_eq!(stored("context", "[clean]\ndrop_duplicates = { by = [\"place\"] }", &events), ["-q-", "789"]);
}

#[test]
fn ratings_are_positives_impressions_or_rejections() {
    use EventKind::{Impression, Positive, Rejected};
    let text = "user,item,rating\na,1,5\na,2,4\na,3,3\na,4,2.5\na,5,2\na,6,-1\n";
    let label = "label = { column = \"rating\", at_least = 4.0, rejected_at_most = 2.0 }";
    let found: Vec<EventKind> = event_kinds(text, label).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(found, [Positive, Positive, Impression, Impression, Rejected, Rejected]);
}

#[test]
fn too_many_rejects_stop_the_run_and_stay_readable() {
    let place = Workplace::with("log.csv", "user,item,t,label\na,1,10,1\na,2,11,7\nb,3,12,0\n");
    let strict = config(&LABELLED.replace("1.0", "0.3"));
    let error = place.ingest(&strict).unwrap_err();
    assert_eq!(error.code(), "too-many-rejects");
    let DataError::TooManyRejects { account, limit, rejects } = &error else { panic!("{error}") };
    assert_eq!(
        (account.path.as_str(), account.read, account.rejects(), *limit),
        ("log.csv", 3, 1, Limit::MaxRejectRatio(0.3))
    );
    assert!(std::fs::read_to_string(rejects).unwrap().contains("\"kind\":\"LABEL\""));
    assert!(error.hint().unwrap().contains(&rejects.display().to_string()));
    assert!(!place.run_dir().join("interactions").exists(), "nothing may be published");
    let report = place.ingest(&config(&LABELLED.replace("1.0", "0.34"))).unwrap();
    assert_eq!(report.files_read, 0, "what was read stays read");
}

#[test]
fn a_wrong_column_is_named_with_its_key_and_the_closest_name() {
    let place = Workplace::with("log.csv", "user_id,item_id,timestamp,lable\na,1,5,1\n");
    let user = "path = \"log.csv\"\nitem = \"item_id\"\nuser = ";
    let cases = [
        (format!("{user}\"user\""), "input.user", "user_id"),
        ("path = \"log.csv\"\nitem = \"itemid\"".to_owned(), "input.item", "item_id"),
        (format!("{user}\"user_id\"\ntime = {{ column = \"time\" }}"), "input.time.column", "timestamp"),
        (format!("{user}\"user_id\"\nlabel = {{ column = \"label\" }}"), "input.label.column", "lable"),
    ];
    let features =
        FEATURES.replace("\"user\"\nside", "\"user_id\"\nside").replace("\"item\"\nside", "\"item_id\"\nside");
    let split = SPLIT.replace("COLUMN", "item_id");
    for (input, expected_key, expected_name) in cases {
        let error = place.ingest(&format!("[input]\n{input}\n{split}{features}")).unwrap_err();
        let DataError::MissingColumn { key, suggestion, .. } = &error else { panic!("{error}") };
        assert_eq!((key.as_str(), suggestion.as_deref()), (expected_key, Some(expected_name)));
        assert!(error.hint().unwrap().contains(expected_name));
    }
    let feature = "[[features]]\nname = \"time_stamp\"\nside = \"context\"\nkind = \"hash\"\nbuckets = 9\n";
    let error = place.ingest(&format!("[input]\n{user}\"user_id\"\n{split}{features}{feature}")).unwrap_err();
    let DataError::MissingColumn { key, suggestion, .. } = &error else { panic!("{error}") };
    assert_eq!((key.as_str(), suggestion.as_deref()), ("features[2].column", Some("timestamp")));
}

#[test]
fn a_repeated_column_is_refused_only_where_it_is_needed() {
    let place = Workplace::with("log.csv", "user,item,x,x\na,1,,\n");
    place.ingest(&config("path = \"log.csv\"\nuser = \"user\"")).unwrap();
    place.write("log.csv", "user,item,user\na,1,b\n");
    assert_eq!(place.ingest(&config("path = \"log.csv\"\nuser = \"user\"")).unwrap_err().code(), "repeated-column");
}

#[test]
fn all_members_and_frames_are_read_and_a_cut_file_is_named() {
    let place = Workplace::new();
    let members = [gzip("user,item\na,1\n"), gzip("b,2\n"), gzip("c,3\n")].concat();
    place.write("log.csv.gz", &members);
    let frames: Vec<u8> =
        ["user,item\na,1\n", "b,2\n"].iter().flat_map(|text| zstd::encode_all(text.as_bytes(), 1).unwrap()).collect();
    place.write("log.csv.zst", &frames);
    let input = |name: &str| config(&format!("path = \"{name}\"\nuser = \"user\""));
    assert_eq!(place.ingest(&input("log.csv.gz")).unwrap().accounts[0].accepted, 3);
    assert_eq!(place.ingest(&input("log.csv.zst")).unwrap().accounts[0].accepted, 2);
    for (name, bytes) in [("cut.csv.gz", &members), ("cut.csv.zst", &frames)] {
        place.write(name, &bytes[..bytes.len() - 5]);
        let error = place.ingest(&input(name)).unwrap_err();
        assert_eq!(error.code(), "unreadable-file", "{error}");
        assert!(error.to_string().contains(name));
    }
    place.write("text.csv.gz", "user,item\na,1\n");
    assert_eq!(place.ingest(&input("text.csv.gz")).unwrap_err().code(), "unreadable-file");
    place.write("empty.csv", "");
    assert_eq!(place.ingest(&input("empty.csv")).unwrap_err().code(), "empty-file");
    assert_eq!(place.ingest(&input("nothing.csv")).unwrap_err().code(), "missing-partition");
}

#[test]
fn a_file_without_header_takes_its_names_from_the_config() {
    let place = Workplace::with("log.tsv", "a\t1\nb\t2\n");
    let input =
        "path = \"log.tsv\"\nuser = \"user\"\nheader = false\ncolumns = [\"user\", \"item\"]\ndelimiter = \"\\t\"";
    assert_eq!(place.ingest(&config(input)).unwrap().accounts[0].accepted, 2);
}

#[test]
fn several_user_columns_are_joined_and_nobody_is_merged() {
    let place = Workplace::with("log.csv", "ip,device,item\na|b,c,1\na,b|c,2\na,,3\n,,4\n");
    let features = FEATURES.replace("name = \"user\"", "name = \"ip\"");
    let input = "[input]\npath = \"log.csv\"\nuser = [\"ip\", \"device\"]\nmax_reject_ratio = 1.0";
    let report = place.ingest(&format!("{input}\n{}{features}", SPLIT.replace("COLUMN", "item"))).unwrap();
    let users: Vec<String> = place.interactions().into_iter().map(|(user, ..)| user).collect();
    assert_eq!(users, ["a\\|b|c", "a|", "a|b\\|c"]);
    assert_eq!(kinds(&report), counts(&[("BAD_ID", 1)]));
}

#[test]
fn a_second_row_for_an_id_of_a_side_table_is_rejected() {
    let place = Workplace::with("log.csv", "user,item\na,1\n");
    place.write("items.csv", "item,colour\n1,red\n2,blue\n1,green\n,black\n");
    let colour = "[[features]]\nname = \"colour\"\nside = \"item\"\nkind = \"vocabulary\"\n";
    let input = "path = \"log.csv\"\nuser = \"user\"\nmax_reject_ratio = 1.0\nitems = { path = \"items.csv\" }";
    let report = place.ingest(&(config(input) + colour)).unwrap();
    assert_eq!(kinds(&report), counts(&[("DUPLICATE_ID", 1), ("BAD_ID", 1)]));
    let side = read_mapped(&place.folders().shared().join("items/table.arrow")).unwrap();
    let colours: Vec<_> = text_column(&side, "f:colour").unwrap().iter().flatten().map(str::to_owned).collect();
    assert_eq!(colours, ["red", "blue"], "the first row of an id stays");
    place.write("items.csv", "item,colour\n");
    assert_eq!(place.ingest(&(config(input) + colour)).unwrap_err().code(), "empty-file");
}

/// Three days of two files each, about one row in twenty damaged.
fn damaged_days(place: &Workplace) {
    let mut rng = Rng::stream(7, "days", 0);
    for file in 0..6 {
        let mut text = String::from("user,item,t,label\n");
        for row in 0..400 {
            let label = if rng.below(20) == 0 { 2 } else { rng.below(2) };
            text += &format!("u{},i{},{},{label}\n", rng.below(90), rng.below(50), 1_793_500_000 + file * 40_000 + row);
        }
        place.write(&format!("logs/2026-11-0{}/{file}.csv.gz", 1 + file / 2), gzip(&text));
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads_and_a_second_run_is_skipped() {
    let place = Workplace::new();
    damaged_days(&place);
    let input = LABELLED.replace("log.csv", "logs/{date}/*.csv.gz");
    let mut made = Vec::new();
    for threads in [1, 2, 4] {
        place.forget();
        let report = place.ingest_told(&config(&input), Told { threads, ..Told::default() }).unwrap();
        assert!(!report.outcome.is_skipped());
        assert!(kinds(&report)["LABEL"] > 50);
        let window = std::fs::read(place.folders().interactions().join("window.json")).unwrap();
        made.push((checksums(report.outcome.manifest()), window, report.accounts));
    }
    assert!(made.iter().all(|other| *other == made[0]));
    let again = place.ingest_told(&config(&input), Told { threads: 3, ..Told::default() }).unwrap();
    assert!(again.outcome.is_skipped() && again.files_read == 0);
    assert_eq!(again.accounts, made[0].2);
    place.write("logs/2026-11-02/new.csv.gz", gzip("user,item,t,label\na,b,1793500000,1\n"));
    assert!(!place.ingest(&config(&input)).unwrap().outcome.is_skipped(), "a new file counts");
}

#[test]
fn check_reads_the_first_rows_and_writes_nothing() {
    let place = Workplace::new();
    damaged_days(&place);
    place.write("items.csv", "item,colour\ni1,red\n");
    let input = LABELLED.replace("log.csv", "logs/{date}/*.csv.gz").replace("1.0", "0.01");
    let report = place.check(&config(&(input.clone() + "items = { path = \"items.csv\" }"))).unwrap();
    let names: Vec<&str> = report.files.iter().map(|file| file.account.path.as_str()).collect();
    let days = ["01/0", "01/1", "03/4", "03/5"].map(|file| format!("logs/2026-11-{file}.csv.gz"));
    assert_eq!(names[..4], days, "both ends of the first and of the last day");
    assert_eq!((names[4], report.log_files), ("items.csv", 6));
    assert_eq!(report.files[0].columns, ["user", "item", "t", "label"]);
    assert_eq!(report.too_many.as_ref().unwrap().0, names[0]);
    assert!(report.lines().iter().any(|line| line.contains("positives: ")));
    assert!(!place.run_dir().exists());
    let error = place.check(&config(&input.replace("\"label\"", "\"lbl\""))).unwrap_err();
    assert_eq!(error.code(), "missing-column");
}
