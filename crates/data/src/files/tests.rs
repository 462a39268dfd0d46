//! Objects that are cut, refused, written over or not there: the bytes of the object, or an error, never anything else.

use super::object::{Stores, object_of};
use super::*;
use crate::error::StoreFault;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};

#[test]
fn names_sizes_and_bytes_are_those_of_the_folder_behind_a_url() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("logs/deep")).unwrap();
    for name in ["b.csv", "a.csv", "deep/c.csv"] {
        std::fs::write(folder.path().join("logs").join(name), name).unwrap();
    }
    let files = DataFiles::default();
    let url = |name: &str| PathBuf::from(format!("file://{}/{name}", folder.path().display()));
    assert_eq!(files.names(&url("logs")).unwrap(), ["a.csv", "b.csv", "deep"]);
    assert_eq!(files.names(&url("none")).unwrap(), [""; 0]);
    assert_eq!((files.size(&url("logs/a.csv")).unwrap(), files.size(&url("logs/x.csv")).unwrap()), (Some(5), None));
    assert_eq!(files.read_text(&url("logs/deep/c.csv")).unwrap(), "deep/c.csv");
    let mut text = String::new();
    files.open_anywhere(&url("logs/b.csv")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "b.csv");
    assert!(files.state(&url("logs/a.csv")).unwrap().is_some() && files.state(folder.path()).unwrap().is_none());
    let error = files.open(&url("logs/x.csv")).err().unwrap();
    assert!(matches!(&error, DataError::ObjectStore { kind: StoreFault::NotFound, .. }), "{error}");
    let unknown = files.open(Path::new("ftp://host/a.csv")).err().unwrap();
    assert!(unknown.to_string().contains("`ftp://` is not known") && unknown.hint().is_some(), "{unknown}");
}

#[test]
fn an_object_is_read_in_ranges_and_only_while_it_is_the_same() {
    let runtime = Stores::default().runtime().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let key = Key::from("a");
    let bytes: Vec<u8> = (0..20_000_000u32).map(|number| (number % 251) as u8).collect();
    runtime.block_on(store.put(&key, bytes.clone().into())).unwrap();
    let open = || object_of(&runtime, &store, &key).unwrap();
    let mut read = Vec::new();
    open().into_read().read_to_end(&mut read).unwrap();
    assert!(read == bytes, "{} bytes", read.len());
    let mut reader = open().into_read();
    let mut beginning = [0; 10];
    reader.read_exact(&mut beginning).unwrap();
    runtime.block_on(store.put(&key, bytes[1..].to_vec().into())).unwrap();
    let error = reader.read_to_end(&mut read).unwrap_err();
    assert!(error.to_string().contains("written over"), "{error}");
}

#[test]
fn a_file_that_is_sent_is_there_byte_for_byte_whatever_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let (files, here) = (DataFiles::default(), folder.path().join("here"));
    let url = PathBuf::from(format!("file://{}/there/a", folder.path().display()));
    for length in [0, 5, 8 << 20, 20_000_000] {
        let bytes: Vec<u8> = (0..length).map(|number: u32| (number % 251) as u8).collect();
        std::fs::write(&here, &bytes).unwrap();
        files.upload(&here, &url).unwrap();
        let mut sent = Vec::new();
        files.open(&url).unwrap().1.read_to_end(&mut sent).unwrap();
        assert!(sent == bytes, "{length} bytes, {} came back", sent.len());
    }
}
