//! Rules that leave rows out before samples are made, one file each. Rules of single rows, such as a window of days, are
//! applied by ingest; here are those that look at the rows of one user together.

mod duplicate;

pub(crate) use duplicate::drop_duplicates;
