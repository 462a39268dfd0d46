//! Log folders, side tables and the config of a world.

use super::{AGE_BANDS, CATEGORIES, CITIES, DEVICES, Visit, World};
use crate::Result;
use flate2::{Compression, GzBuilder};
use rayon::prelude::*;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::partition::Date;
use twinspire_core::vfs::{Vfs, replace_folder, write_file};

/// The config that runs on the files of a world; the same text as `config/quickstart.toml` of the repository.
pub const QUICKSTART_CONFIG: &str = include_str!("../../../../config/quickstart.toml");

const LOG_HEADER: &str = "time,request,user,item,event,position,hour,device,city\n";

/// Writes `logs/date=…/part-0.csv.gz`, `items.csv.gz`, `users.csv.gz` and `twinspire.toml`.
pub(super) fn write_world(vfs: &dyn Vfs, folder: &Path, world: &World, visits: &[Vec<Visit>]) -> Result<()> {
    let days: Vec<(Date, &Vec<Visit>)> = world.dates.iter().copied().zip(visits).collect();
    let packed: Vec<Vec<u8>> = days.par_iter().map(|(date, visits)| gzip(&day_log(world, *date, visits))).collect();
    replace_folder(vfs, &folder.join("logs"), |staging| {
        for ((date, _), bytes) in days.iter().zip(&packed) {
            let day = staging.join(format!("date={date}"));
            vfs.create_dir_all(&day).map_err(|error| CoreError::io(&day, error))?;
            write_file(vfs, &day.join("part-0.csv.gz"), bytes)?;
        }
        Ok::<_, CoreError>(())
    })?;
    write_file(vfs, &folder.join("items.csv.gz"), &gzip(&item_table(world)))?;
    write_file(vfs, &folder.join("users.csv.gz"), &gzip(&user_table(world)))?;
    write_file(vfs, &folder.join("twinspire.toml"), QUICKSTART_CONFIG.as_bytes())?;
    vfs.sync_dir(folder).map_err(|error| CoreError::io(folder, error))?;
    Ok(())
}

/// One gzip member without name and time, so that equal text gives equal bytes.
fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(4));
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    packed.expect("writing to memory does not fail")
}

/// Impressions and clicks of a day; a request's impressions come first, then its clicks.
fn day_log(world: &World, date: Date, visits: &[Visit]) -> String {
    let mut text = String::with_capacity(visits.len() * 800);
    text.push_str(LOG_HEADER);
    for (number, visit) in visits.iter().enumerate() {
        let request = format!("{}-{number:06}", date.strftime("%Y%m%d"));
        for (place, shown) in visit.shown.iter().enumerate() {
            let row = Row { date, second: visit.second, request: &request, event: "impression", place };
            row.write(world, visit, shown.item, &mut text);
        }
        for (place, shown) in visit.shown.iter().enumerate() {
            if let Some(after) = shown.click_after {
                let row = Row { date, second: visit.second + after, request: &request, event: "click", place };
                row.write(world, visit, shown.item, &mut text);
            }
        }
    }
    text
}

/// What a row says beside its visit and its item.
struct Row<'a> {
    date: Date,
    second: u32,
    request: &'a str,
    event: &'a str,
    place: usize,
}

impl Row<'_> {
    fn write(&self, world: &World, visit: &Visit, item: u32, text: &mut String) {
        let (hour, minute, second) = (self.second / 3_600, self.second / 60 % 60, self.second % 60);
        let (user, item) = (&world.users[visit.user as usize].id, &world.items[item as usize].id);
        let (date, request, event, position) = (self.date, self.request, self.event, self.place + 1);
        let (device, city) = (DEVICES[visit.device], CITIES[visit.city]);
        writeln!(
            text,
            "{date}T{hour:02}:{minute:02}:{second:02}Z,{request},{user},{item},{event},{position},{hour},{device},{city}"
        )
        .expect("writing to a string does not fail");
    }
}

fn item_table(world: &World) -> String {
    let mut text = String::from("item,category,item_city,tags,price\n");
    for item in &world.items {
        let (category, city, tags) = (CATEGORIES[item.category], CITIES[item.city], item.tags.join("|"));
        let (whole, cents) = (item.price_cents / 100, item.price_cents % 100);
        writeln!(text, "{},{category},{city},{tags},{whole}.{cents:02}", item.id)
            .expect("writing to a string does not fail");
    }
    text
}

fn user_table(world: &World) -> String {
    let mut text = String::from("user,home_city,age_band\n");
    for user in &world.users {
        writeln!(text, "{},{},{}", user.id, CITIES[user.home_city], AGE_BANDS[user.age_band])
            .expect("writing to a string does not fail");
    }
    text
}
