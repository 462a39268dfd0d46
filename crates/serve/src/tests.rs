//! The server over a bundle of three items, asked over real connections: what every answer carries, what a fault inside
//! becomes, and that no client holds a server that was told to stop.

use crate::config::{ServeSection, ServeSettings};
use crate::http::server::Server;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use twinspire_core::bundle::file;
use twinspire_core::check::Faults;
use twinspire_core::clock::FixedClock;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::encode::{FeatureEncoder, Fitted, Raw};
use twinspire_core::history::HistoryRows;
use twinspire_core::items::ItemTable;
use twinspire_core::query::{QueryBatch, QueryEncoder};
use twinspire_core::schema::FeatureSchema;
use twinspire_core::table::write_table;
use twinspire_core::vfs::RealVfs;
use twinspire_retrieval::Retriever;
use twinspire_retrieval::config::{IndexSection, IndexSettings};
use twinspire_retrieval::index::{IndexInput, build};

/// A user tower that panics at a query with a history.
struct Fragile;

impl QueryEncoder for Fragile {
    fn dimension(&self) -> usize {
        2
    }

    fn encode(&self, queries: &QueryBatch<'_>, vectors: &mut [f32]) -> twinspire_core::Result<()> {
        assert!(queries.histories.iter().all(|history| history.items.is_empty()), "a test wants this panic");
        vectors.fill(1.0);
        Ok(())
    }
}

fn encoder() -> FeatureEncoder {
    let json = r#"[
        {"name": "a.b/c", "column": "city", "side": "user", "kind": "numeric", "normalise": "none"},
        {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
    let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap();
    FeatureEncoder::new(schema, Fitted::default()).unwrap()
}

fn retriever() -> Retriever {
    let (folder, encoder) = (tempfile::tempdir().unwrap(), encoder());
    let at = |name: &str| folder.path().join(name);
    let ids = ["a", "b", "c"].map(str::to_owned).to_vec();
    let mut rows = encoder.empty_item_rows();
    ids.iter().for_each(|id| encoder.encode_item(&[Raw::Text(id)], &mut rows).unwrap());
    std::fs::write(at(file::FEATURES), encoder.to_json()).unwrap();
    let items = ItemTable::batch(&ids, &[1, 1, 1], rows, &encoder).unwrap();
    write_table(&RealVfs, &at(file::ITEMS), &items).unwrap();
    let nobody = HistoryRows { offsets: vec![0], ..HistoryRows::default() };
    write_table(&RealVfs, &at(file::HISTORIES), &nobody.into_batch().unwrap()).unwrap();
    let vectors = EmbeddingTable::new(ids, 2, vec![1.0, 0.0, 0.5, 0.0, 0.1, 0.0]).unwrap();
    vectors.write_raw(&RealVfs, &at(file::ITEM_EMBEDDINGS)).unwrap();
    let settings = IndexSettings::check(&IndexSection::default(), &mut Faults::default()).unwrap();
    let input = IndexInput { vectors: &vectors.values, dimension: 2, ids: &[], queries: &[] };
    build(&input, &settings, 1).unwrap().write(&RealVfs, &at(file::INDEX)).unwrap();
    let channel = r#"{"name": "two_tower", "share": 1, "priority": 1, "kind": "two_tower", "index": "exact"}"#;
    std::fs::write(at(file::MERGE), format!(r#"{{"leave_out_seen": true, "channels": [{channel}]}}"#)).unwrap();
    Retriever::open_draft(folder.path(), &|_, _, _| Ok(Box::new(Fragile)), &FixedClock(5)).unwrap()
}

async fn bind() -> Server {
    let section = ServeSection { listen: "127.0.0.1:0".into(), ..ServeSection::default() };
    let settings = ServeSettings::check(&section, &mut Faults::default()).unwrap();
    Server::bind(&settings, Arc::new(retriever()), &FixedClock(5)).await.unwrap()
}

/// Sends `request` as it is and reads what comes back until the connection is closed.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn recall(body: &str) -> String {
    let head = "POST /v1/recall HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Answers to `requests`, in their order, from a server that ends afterwards.
fn answers<const N: usize>(requests: [String; N]) -> [String; N] {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = bind().await;
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let asking = tokio::task::spawn_blocking(move || {
            let answers = requests.map(|request| ask(address, &request));
            stop.send(()).unwrap();
            answers
        });
        server.run(async { stopped.await.unwrap() }).await.unwrap();
        asking.await.unwrap()
    })
}

fn bare(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: mine\r\n\r\n")
}

fn status(answer: &str) -> &str {
    &answer["HTTP/1.1 ".len()..][..3]
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn every_answer_carries_the_id_of_its_request() {
    let paths = ["/livez", "/readyz", "/nowhere", "/v1/recall"].map(|path| bare("GET", path));
    let found = answers(paths);
    assert_eq!(found.each_ref().map(|answer| status(answer)), ["200", "200", "404", "405"]);
    assert!(found.iter().all(|answer| answer.contains("\r\nx-request-id: mine\r\n")), "{found:#?}");
    assert!(found[2..].iter().all(|answer| body(answer).contains(r#""request_id":"mine""#)), "{found:#?}");
}

#[test]
fn head_is_get_without_a_body_and_another_method_hears_which_one_is_allowed() {
    let found = answers([bare("HEAD", "/readyz"), bare("OPTIONS", "/v1/recall"), bare("DELETE", "/livez")]);
    assert_eq!(found.each_ref().map(|answer| status(answer)), ["200", "405", "405"]);
    assert_eq!(body(&found[0]), "");
    assert!(found[1].contains("\r\nallow: POST\r\n") && found[2].contains("\r\nallow: GET,HEAD\r\n"), "{found:#?}");
}

#[test]
fn a_panic_is_a_500_that_says_nothing_of_the_inside_and_the_next_request_is_answered() {
    let [panicked, next] = answers([recall(r#"{"history": ["a"]}"#), recall("{}")]);
    assert_eq!((status(&panicked), status(&next)), ("500", "200"));
    assert!(panicked.contains("application/problem+json") && body(&panicked).contains(r#""code":"internal""#));
    assert!(!panicked.contains("a test wants this panic"), "{panicked}");
}

#[test]
fn a_name_with_dots_and_slashes_is_one_part_of_the_pointer() {
    let found = answers([r#"{"features": {"a.b/c": "x"}}"#, r#"{"features": {"d.e": 1}}"#].map(recall));
    assert!(body(&found[0]).contains(r#""pointer":"/features/a.b~1c""#), "{}", found[0]);
    assert!(body(&found[1]).contains(r#""pointer":"/features/d.e""#), "{}", found[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_ends_its_request_does_not_hold_a_server_that_was_told_to_stop() {
    let server = bind().await;
    let mut unfinished = TcpStream::connect(server.address()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run_and_drain(async { stopped.await.unwrap() }, Duration::from_millis(1)));
    let request = recall("{}").replacen("\r\n", "\r\nexpect: 100-continue\r\n", 1);
    unfinished.write_all(request.trim_end_matches('}').as_bytes()).unwrap();
    let mut admitted = [0; 12];
    unfinished.read_exact(&mut admitted).unwrap();
    assert_eq!(&admitted, b"HTTP/1.1 100", "the server waits for the rest of the body");
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), running).await.expect("it ends").unwrap().unwrap();
}
