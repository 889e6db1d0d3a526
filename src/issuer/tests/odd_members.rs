//! Every operation with members of every kind, fit and odd: whatever comes, the answer is one of the protocol's.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::support::{Answer, PASSWORD, TestIssuer};

const FACTS: &str = include_str!("../cognito/model/facts.txt");
/// Calls of each operation.
const TIMES: usize = 8;
/// Deeper than any shape of the model that is no loop.
const DEEPEST: usize = 6;

/// Makes members from the facts, by a row of numbers that is the same in every run.
struct Maker {
    shapes: HashMap<&'static str, (&'static str, &'static str)>,
    /// What is there, by the name of the member that it fits.
    known: HashMap<&'static str, String>,
    numbers: fastrand::Rng,
}

impl Maker {
    fn new(known: HashMap<&'static str, String>) -> Self {
        let shape = |line: &'static str| {
            let (kind, rest) = line.split_once(' ')?;
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            Some((name, (kind, rest)))
        };
        Self { shapes: FACTS.lines().filter_map(shape).collect(), known, numbers: fastrand::Rng::with_seed(8) }
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.numbers.usize(..many) == 0
    }

    fn members(&mut self, list: &'static str, depth: usize) -> Map<String, Value> {
        let mut made = Map::new();
        for member in list.split(' ') {
            let Some((name, shape)) = member.split_once(':') else { continue };
            let wanted = if shape.ends_with('!') { !self.one_in(20) } else { self.one_in(3) };
            if wanted && depth < DEEPEST {
                made.insert(name.to_owned(), self.value(name, shape.trim_end_matches('!'), depth + 1));
            }
        }
        made
    }

    fn value(&mut self, name: &'static str, shape: &'static str, depth: usize) -> Value {
        if self.one_in(15) {
            let odd =
                [json!(null), json!(-1), json!(1.5), json!(u64::MAX), json!([]), json!({}), json!([[{}]]), json!("")];
            return odd[self.numbers.usize(..odd.len())].clone();
        }
        let (kind, rest) = self.shapes.get(shape).copied().unwrap_or((shape, ""));
        match kind {
            "bool" => json!(self.numbers.bool()),
            "time" => json!(self.numbers.u32(..)),
            "int" => json!(self.numbers.u32(..100)),
            "enum" => json!(rest.split(' ').nth(self.numbers.usize(..rest.split(' ').count()))),
            "struct" => Value::Object(self.members(rest, depth)),
            "list" => {
                let member = rest.rsplit(' ').next().unwrap_or_default();
                (0..self.numbers.usize(..3)).map(|_| self.value(name, member, depth + 1)).collect()
            }
            "map" => {
                let names =
                    ["USERNAME", "PASSWORD", "SRP_A", "REFRESH_TOKEN", "ANSWER", "NEW_PASSWORD", "userAttributes.x"];
                let members = names.map(|name| (name.to_owned(), self.text("Username")));
                Value::Object(members.into_iter().filter(|_| self.numbers.bool()).collect())
            }
            _ => self.text(name),
        }
    }

    fn text(&mut self, name: &'static str) -> Value {
        if let Some(known) = self.known.get(name).filter(|_| self.numbers.usize(..5) > 0) {
            return json!(known);
        }
        let texts = [
            "alice",
            "x",
            "\u{0}",
            "email",
            "true",
            "\r\nx: y",
            "' OR 1=1 --",
            "{####}",
            "😀",
            "%00",
            "../..",
            "123456",
        ];
        let place = self.numbers.usize(..=texts.len());
        texts.get(place).map_or_else(|| json!("a".repeat(3000)), |text| json!(text))
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

fn is_of_the_protocol(answer: &Answer) -> bool {
    let kind = answer.body["__type"].as_str().map(|kind| format!("{kind}:"));
    let told = answer.headers.get("x-amzn-errortype").and_then(|kind| kind.to_str().ok());
    let fits = match answer.status {
        200 => kind.is_none() && answer.body.is_object(),
        400 => kind.as_deref() == told && kind.is_some() && answer.body["message"].is_string(),
        _ => false,
    };
    fits && !has_null(&answer.body) && answer.headers.contains_key("x-amzn-requestid")
}

#[tokio::test]
async fn no_members_lead_to_a_failure_of_our_own_or_to_an_answer_of_another_shape() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let signed_in = issuer.sign_in("web", "alice").await;
    let arn = format!("arn:aws:cognito-idp:us-east-1:000000000000:userpool/{pool}");
    let known = [
        ("UserPoolId", pool),
        ("ClientId", "web".to_owned()),
        ("Username", "alice".to_owned()),
        ("GroupName", "sales".to_owned()),
        ("AccessToken", signed_in.token("AccessToken")),
        ("RefreshToken", signed_in.token("RefreshToken")),
        ("Token", signed_in.token("RefreshToken")),
        ("Password", PASSWORD.to_owned()),
        ("ResourceArn", arn),
        ("Session", "a".repeat(64)),
    ];
    let mut maker = Maker::new(known.into_iter().collect());
    // What would take the pool away from those that follow.
    let operations = FACTS.lines().filter(|line| !line.starts_with("call DeleteUserPool "));
    let mut good = 0;
    for line in operations {
        let mut words = line.splitn(3, ' ');
        let (Some(kind @ ("call" | "open")), Some(name)) = (words.next(), words.next()) else { continue };
        let list = words.next().unwrap_or_default();
        for _ in 0..TIMES {
            let input = Value::Object(maker.members(list, 0));
            let answer =
                if kind == "call" { issuer.admin(name, &input).await } else { issuer.call(name, &input).await };
            assert!(is_of_the_protocol(&answer), "{name} {input}: {} {}", answer.status, answer.body);
            good += usize::from(answer.status == 200);
        }
    }
    assert!(good > 20, "some of them are done: {good}");
}
