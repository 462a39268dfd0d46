//! Names that the world's rows carry, chosen so that a person can see whether a list of candidates fits a taste.

/// Categories of items; the planted topic of an item lies near that of its category.
pub const CATEGORIES: [&str; 24] = [
    "books",
    "music",
    "film",
    "games",
    "garden",
    "kitchen",
    "baking",
    "coffee",
    "running",
    "cycling",
    "climbing",
    "camping",
    "fishing",
    "football",
    "chess",
    "painting",
    "pottery",
    "knitting",
    "cameras",
    "computers",
    "cars",
    "travel",
    "toys",
    "pets",
];

/// Cities of users and items.
pub const CITIES: [&str; 10] = ["Bergen", "Cork", "Ghent", "Graz", "Kyoto", "Lyon", "Porto", "Quito", "Riga", "Tartu"];

/// Age bands of users.
pub const AGE_BANDS: [&str; 5] = ["18-24", "25-34", "35-44", "45-54", "55+"];

/// Devices of a visit.
pub const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];
