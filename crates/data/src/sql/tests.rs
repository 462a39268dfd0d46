//! What expressions mean: text, NULL, numbers, failures; and what is refused.

use super::Expression;

/// For rows of (`a`, `b`), whether the expression is true; an empty cell is missing.
fn judged(text: &str, rows: &[(&str, &str)]) -> Vec<bool> {
    let expression = Expression::predicate(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let cell = |column: usize, row: usize| {
        let (a, b) = rows[row];
        let cell = if expression.columns()[column] == "a" { a } else { b };
        Some(cell).filter(|cell| !cell.is_empty())
    };
    expression.are_true(rows.len(), &cell)
}

#[test]
fn text_that_meets_a_number_is_read_as_one() {
    let rows = [("9", "10"), ("10", "9"), ("3.5", "3"), ("", "3"), ("soon", "3"), ("NaN", "1"), ("1e999", "1")];
    for (text, expected) in [
        ("a > 9", [false, true, false, false, false, false, false]),
        ("9 < a", [false, true, false, false, false, false, false]),
        ("a > b", [true, false, true, false, true, true, true]),
        ("a - b > 0", [false, true, true, false, false, false, false]),
        ("number(a) > number(b)", [false, true, true, false, false, false, false]),
        ("a BETWEEN 3 AND 9.5", [true, false, true, false, false, false, false]),
        ("a IN (9, 3.5)", [true, false, true, false, false, false, false]),
        ("a IN ('9', 'soon')", [true, false, false, false, true, false, false]),
        ("a % 2 = 1", [true, false, false, false, false, false, false]),
        ("a IS NULL OR number(a) IS NULL", [false, false, false, true, true, true, true]),
        ("CAST(a AS BIGINT) = 9", [true, false, false, false, false, false, false]),
    ] {
        assert_eq!(judged(text, &rows), expected, "{text}");
    }
}

#[test]
fn what_is_not_true_is_out_and_a_row_that_fails_costs_no_other_one() {
    let rows = [("4", "2"), ("4", "0"), ("4", ""), ("x", "2")];
    assert_eq!(judged("CAST(a AS BIGINT) / CAST(b AS BIGINT) = 2", &rows), [true, false, false, false]);
    assert_eq!(judged("NOT (a = '4' AND b = '2')", &rows), [false, true, false, true]);
    let many: Vec<_> = (0..20_000).map(|row| if row % 7_000 == 0 { ("1", "0") } else { ("6", "3") }).collect();
    let kept = judged("CAST(a AS INT) / CAST(b AS INT) = 2", &many);
    assert_eq!(kept.iter().filter(|kept| !**kept).count(), 3, "only those that divide by zero");
    assert_eq!((kept.len(), kept[0], kept[1]), (20_000, false, true));
    assert_eq!(judged("1 = 1", &rows), [true; 4]);
}

#[test]
fn functions_and_columns_have_their_case_and_names_with_dots_are_quoted() {
    let rows = [("Berlin Mitte", "2024-03-09T10:00:00"), ("Rome", "2024-03-11T10:00:00")];
    assert_eq!(judged("LOWER(a) LIKE 'berlin%'", &rows), [true, false]);
    assert_eq!(judged("regexp_like(a, '^R') AND length(a) = 4", &rows), [false, true]);
    assert_eq!(judged("EXTRACT(DOW FROM to_timestamp(b)) IN (0, 6)", &rows), [true, false]);
    assert_eq!(judged("substr(a, 1, 1) = 'B'", &rows), [true, false]);
    assert_eq!(judged("CASE WHEN a = 'Rome' THEN TRUE ELSE FALSE END", &rows), [false, true]);
    let columns = |text| Expression::predicate(text).unwrap().columns().to_vec();
    assert_eq!(columns(r#"userId <> "user.id" AND userId > 3 AND userid = '1'"#), ["userId", "user.id", "userid"]);
}

#[test]
fn what_cannot_be_evaluated_says_why() {
    for (text, part) in [
        ("a >", "found: EOF"),
        ("a > 1 b", "end of expression"),
        ("a + 1", "must be true or false"),
        ("lowr(a) = 'x'", "lower"),
        ("t.a = 'x'", "double quotes"),
        ("random() < 0.5", "another value in every run"),
        ("a < now()", "another value in every run"),
        ("sum(a) > 3", "sum"),
        ("a IN (SELECT b FROM t)", "no tables"),
        ("abs(a, b, a) > 1", "abs"),
    ] {
        let fault = Expression::predicate(text).unwrap_err();
        assert!(fault.contains(part), "{text}: {fault}");
    }
}
