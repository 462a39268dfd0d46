//! The generated pages of `docs/reference` say what the program says. `TWINSPIRE_WRITE_DOCS=1` writes them anew.

use std::fs;
use std::path::Path;
use twinspire_cli::commands::table::commands_page;
use twinspire_cli::config::config_schema;
use twinspire_cli::config::reference::config_page;

fn compare(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("TWINSPIRE_WRITE_DOCS").is_some_and(|value| value == "1") {
        fs::write(&path, page).expect("docs/reference can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let command = "TWINSPIRE_WRITE_DOCS=1 cargo test -p twinspire-cli --test reference";
    assert!(stored == page, "docs/reference/{name} is stale: {command}");
}

#[test]
fn the_page_of_commands_is_fresh() {
    compare("commands.md", &commands_page());
}

#[test]
fn the_page_of_the_config_is_fresh() {
    compare("config.md", &config_page(&config_schema()));
}
