//! The real `serve` on a free port: answers equal those of `recall`, refusals have one shape, SIGTERM ends it well.

use crate::world::{Published, published, reply};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use ureq::http::{Response, header};
use ureq::{Agent, Body};

/// A server that ends with its test.
struct Server {
    process: Child,
    said: BufReader<ChildStderr>,
    address: String,
    agent: Agent,
    world: &'static Published,
}

/// Status, code, and the first pointer if there is one.
type Refusal<'a> = (u16, &'a str, Option<&'a str>);

/// Status, headers and body of an answer.
struct Answered {
    status: u16,
    content_type: String,
    request_id: String,
    body: Value,
}

impl Server {
    fn start() -> Self {
        let world = published();
        let mut process = Command::new(env!("CARGO_BIN_EXE_twinspire"))
            .args(["serve", "--listen", "127.0.0.1:0", "--set", "serve.max_body_bytes=4096", "--json"])
            .current_dir(world.folder().path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let expected = format!("serving bundle {} on ", world.bundle_id());
        let rest = line.strip_prefix(&expected).unwrap_or_else(|| panic!("{expected}… expected, found {line}"));
        let address = rest.split(';').next().unwrap().to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { process, said, address, agent, world }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    fn get(&self, path: &str) -> Answered {
        Answered::read(self.agent.get(self.url(path)).call().unwrap())
    }

    fn post(&self, content_type: &str, body: &str) -> Answered {
        let request = self.agent.post(self.url("/v1/recall")).header(header::CONTENT_TYPE, content_type);
        Answered::read(request.send(body).unwrap())
    }

    fn recall(&self, query: &Value) -> Answered {
        self.post("application/json", &query.to_string())
    }

    /// Sends SIGTERM; exit code, stdout and the rest of stderr.
    fn stop(mut self) -> (Option<i32>, String, String) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.said.read_to_string(&mut stderr).unwrap();
        (self.process.wait().unwrap().code(), stdout, stderr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already if the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answered {
    fn read(mut response: Response<Body>) -> Self {
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (content_type, request_id) = (header("content-type"), header("x-request-id"));
        let body = response.body_mut().read_json().unwrap();
        Self { status: response.status().as_u16(), content_type, request_id, body }
    }

    /// What it refuses, after a look at its shape.
    fn refusal(&self) -> Refusal<'_> {
        assert_eq!(self.content_type, "application/problem+json", "{}", self.body);
        assert_eq!(
            (&self.body["status"], &self.body["request_id"]),
            (&self.status.into(), &self.request_id.as_str().into())
        );
        assert!(!self.request_id.is_empty() && !self.body["title"].as_str().unwrap().is_empty(), "{}", self.body);
        (self.status, self.body["code"].as_str().unwrap(), self.body["errors"][0]["pointer"].as_str())
    }
}

#[test]
fn an_answer_over_http_is_that_of_recall() {
    let server = Server::start();
    let user = server.world.user();
    let filter = json!({ "not": { "in": { "category": ["books", "music"] } } });
    let as_text = filter.to_string();
    let cases: [(Value, &[&str]); 5] = [
        (json!({ "user": user, "k": 50 }), &["--user", &user, "-k", "50"]),
        (
            json!({ "features": { "city": "Lyon", "hour": 20, "device": "phone" } }),
            &["--features", r#"{"city": "Lyon", "hour": 20, "device": "phone"}"#],
        ),
        (
            json!({ "history": ["i00001", "i00002"], "exclude": ["i00003"], "k": 1000 }),
            &["--history", "i00001,i00002", "--exclude", "i00003", "-k", "1000"],
        ),
        (json!({ "user": user, "k": 1000, "filter": filter }), &["--user", &user, "-k", "1000", "--filter", &as_text]),
        (json!({ "user": "nobody", "channels": ["popular"] }), &["--user", "nobody", "--channels", "popular"]),
    ];
    for (query, words) in cases {
        let over_http = server.recall(&query);
        assert_eq!(
            (over_http.status, over_http.content_type.as_str()),
            (200, "application/json"),
            "{}",
            over_http.body
        );
        let direct = reply(server.world.folder(), &[&["recall"], words].concat());
        for field in
            ["candidates", "bundle_id", "cold_start", "user_known", "history_used", "history_unknown", "degraded"]
        {
            assert_eq!(over_http.body[field], direct[field], "{field} of {query}");
        }
        assert!(!over_http.body["candidates"].as_array().unwrap().is_empty());
        assert_eq!(over_http.body["request_id"], over_http.request_id);
    }
}

#[test]
fn every_refusal_is_a_problem_with_a_code_an_id_and_the_place() {
    let server = Server::start();
    let refusals: [(&str, Refusal<'_>); 10] = [
        ("{\"user\": ", (400, "bad-syntax", Some(""))),
        ("{\"k\": NaN}", (400, "bad-syntax", Some(""))),
        (r#"{"user": "u", "k": 0}"#, (422, "bad-value", Some("/k"))),
        (r#"{"user": "u", "k": 1001}"#, (422, "bad-value", Some("/k"))),
        (r#"{"usr": "u"}"#, (422, "bad-value", Some("/usr"))),
        (r#"{"features": {"hour": "noon"}}"#, (422, "bad-value", Some("/features/hour"))),
        (r#"{"features": {"town": "Lyon"}}"#, (422, "bad-value", Some("/features/town"))),
        (r#"{"filter": {"eq": {"town": "Lyon"}}}"#, (422, "bad-value", Some("/filter"))),
        (r#"{"filter": {"range": {"price": 3}}}"#, (422, "bad-value", Some("/filter/range/price"))),
        (r#"{"channels": ["popular", "hnsw"]}"#, (422, "bad-value", Some("/channels/1"))),
    ];
    for (body, expected) in refusals {
        let answered = server.post("application/json", body);
        assert_eq!(answered.refusal(), expected, "{body}");
        let fault = &answered.body["errors"][0];
        assert!(!fault["message"].as_str().unwrap().is_empty() && !fault["hint"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.post("text/plain", "{}").refusal(), (415, "wrong-type", None));
    let long = json!({ "user": "u".repeat(5000) });
    assert_eq!(server.recall(&long).refusal(), (413, "too-large", None));
    assert_eq!(server.get("/v2/recall").refusal(), (404, "no-route", None));
    assert_eq!(server.get("/v1/recall").refusal(), (405, "wrong-method", None));
    assert_eq!(server.recall(&json!({ "user": "nobody" })).status, 200, "the server answers as before");
}

#[test]
fn a_safe_request_id_comes_back_and_another_is_replaced() {
    let server = Server::start();
    let with_id = |id: &str, body: &str| {
        let request = server.agent.post(server.url("/v1/recall")).header("x-request-id", id);
        Answered::read(request.header(header::CONTENT_TYPE, "application/json").send(body).unwrap())
    };
    let done = with_id("page-7.a_B", r#"{"user": "nobody"}"#);
    assert_eq!((done.request_id.as_str(), &done.body["request_id"]), ("page-7.a_B", &"page-7.a_B".into()));
    let refused = with_id("page-8", r#"{"k": 0}"#);
    assert_eq!((refused.refusal().0, refused.request_id.as_str()), (422, "page-8"));
    let [first, second] = ["not safe", "<b>"].map(|id| with_id(id, r#"{"user": "nobody"}"#).request_id);
    assert!(first != "not safe" && second != "<b>" && first != second, "{first}, {second}");
}

#[test]
fn it_says_that_it_lives_and_which_bundle_is_ready_and_ends_well_when_told_to() {
    let server = Server::start();
    let (live, ready) = (server.get("/livez"), server.get("/readyz"));
    assert_eq!((live.status, &live.body["status"]), (200, &"live".into()));
    assert_eq!((ready.status, &ready.body["status"]), (200, &"ready".into()));
    assert_eq!(ready.body["bundle_id"], server.world.bundle_id());
    let address = server.address.clone();
    let (code, stdout, stderr) = server.stop();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&said["command"], format!("http://{}", said["address"].as_str().unwrap())), (&"serve".into(), address));
}

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    let server = Server::start();
    let taken = server.address.strip_prefix("http://").unwrap();
    let ran = server.world.folder().run(&["serve", "--listen", taken, "--json", "--quiet"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, &error["code"]), (Some(1), &"cannot-listen".into()), "{error}");
    assert!(error["message"].as_str().unwrap().contains(taken), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--listen 127.0.0.1:PORT"), "{error}");
}
