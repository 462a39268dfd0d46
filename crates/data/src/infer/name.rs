//! What the name of a column suggests. In: a name. Out: whether it fits a role; words come from public data sets.

/// Names of users, the plainest first.
pub(super) const USER: [&str; 9] =
    ["user", "u", "member", "visitor", "reviewer", "account", "person", "viewer", "listener"];
/// Names of items, the plainest first; `ad` before `app`, since an ad is shown in an app.
pub(super) const ITEM: [&str; 22] = [
    "item", "i", "product", "sku", "ad", "creative", "article", "movie", "film", "song", "track", "artist", "video",
    "book", "news", "recipe", "listing", "offer", "asin", "poi", "venue", "app",
];
/// Names of times.
const TIME: [&str; 9] = ["timestamp", "time", "datetime", "ts", "date", "day", "hour", "created", "at"];
/// Names of the kind of an event.
const EVENT: [&str; 7] = ["event", "action", "behavior", "behaviour", "activity", "interaction", "type"];
/// Names of a label of 0 and 1.
const LABEL: [&str; 10] =
    ["label", "click", "clicked", "clk", "target", "y", "liked", "conversion", "converted", "attributed"];
/// Names of a rating.
const RATING: [&str; 6] = ["rating", "score", "stars", "rate", "grade", "overall"];
/// Names of the part of a row.
const PART: [&str; 5] = ["part", "split", "fold", "subset", "set"];
/// Names of a place in a sequence of events.
const ORDER: [&str; 5] = ["position", "order", "sequence", "seq", "step"];
/// Names of values that are known only after an item was chosen, or that identify a row.
const AFTERWARDS: [&str; 9] =
    ["position", "rank", "slot", "propensity", "request", "session", "impression", "page", "row"];
/// Names of numbers that are amounts, not codes.
const AMOUNT: [&str; 12] =
    ["price", "age", "year", "count", "amount", "duration", "length", "size", "distance", "cost", "quantity", "weight"];

/// The words of a name in lower case, without `id`: `movieId` is `movie`, `user_id` and `userid` are `user`.
fn words(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut was_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_lower {
            spaced.push(' ');
        }
        was_lower = letter.is_lowercase();
        spaced.extend(letter.to_lowercase());
    }
    let words = spaced.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(without_id).filter(|word| !word.is_empty()).collect()
}

fn without_id(word: &str) -> String {
    let known = |stem: &&str| USER.contains(stem) || ITEM.contains(stem);
    let stem = if word == "id" { Some("") } else { word.strip_suffix("id").filter(known) };
    stem.unwrap_or(word).to_owned()
}

/// Place of the only word of `name` in `role`, if it is there: the lower, the plainer.
pub(super) fn rank(name: &str, role: &[&str]) -> Option<usize> {
    match words(name).as_slice() {
        [word] => role.iter().position(|known| known == word),
        _ => None,
    }
}

fn has_word(name: &str, role: &[&str]) -> bool {
    words(name).iter().any(|word| role.contains(&word.as_str()))
}

/// Like a time.
pub(super) fn is_time(name: &str) -> bool {
    has_word(name, &TIME)
}

/// Like the kind of an event.
pub(super) fn is_event(name: &str) -> bool {
    has_word(name, &EVENT)
}

/// Like a label of 0 and 1.
pub(super) fn is_label(name: &str) -> bool {
    has_word(name, &LABEL)
}

/// Like a rating.
pub(super) fn is_rating(name: &str) -> bool {
    has_word(name, &RATING)
}

/// Like the part of a row: train, validation, test.
pub(super) fn is_part(name: &str) -> bool {
    rank(name, &PART).is_some()
}

/// Like a place in a sequence.
pub(super) fn is_order(name: &str) -> bool {
    rank(name, &ORDER).is_some()
}

/// Like something that is known only afterwards.
pub(super) fn is_afterwards(name: &str) -> bool {
    has_word(name, &AFTERWARDS)
}

/// Like an amount.
pub(super) fn is_amount(name: &str) -> bool {
    has_word(name, &AMOUNT)
}

/// The name begins with a word for `role` and goes on: `user_city`.
pub(super) fn begins_with(name: &str, role: &[&str]) -> bool {
    matches!(words(name).as_slice(), [first, _, ..] if role.contains(&first.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_without_id() {
        for name in ["movieId", "movie_id", "MOVIE-ID", "movieid", "Movie"] {
            assert_eq!(words(name), ["movie"], "{name}");
        }
        assert_eq!(words("userHomeCity"), ["user", "home", "city"]);
        assert_eq!(words("valid"), ["valid"]);
    }

    #[test]
    fn roles_ask_for_the_whole_name() {
        assert_eq!(rank("user_id", &USER), Some(0));
        assert_eq!(rank("item_category", &ITEM), None);
        assert!(rank("adid", &ITEM) < rank("app_id", &ITEM));
        assert_eq!(rank("device_id", &USER).or(rank("site_id", &ITEM)), None);
        assert!(begins_with("user_city", &USER) && !begins_with("user_id", &USER));
        assert!(is_time("click_time") && is_time("createdAt") && !is_time("timeless"));
    }
}
