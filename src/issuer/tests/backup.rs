//! Pools written as lines and read again, elsewhere.

use std::io::Cursor;
use std::sync::Arc;

use serde_json::{Value, json};

use super::database::TestDatabase;
use super::support::{NOW, PASSWORD, TestIssuer, claims, config, open_with};
use crate::clock::Clock;
use crate::issuer::{Imported, Issuer};

const POOLS: &str = "
demo:
  id: local_Demo12345
  token_algorithm: ES256
  clients: {web: {id: web, flows: [USER_PASSWORD_AUTH, REFRESH_TOKEN_AUTH]}}
  groups: {sales: {precedence: 3}}
  users:
    alice: {password: correct horse battery, groups: [sales], attributes: {email: alice@example.com, 'custom:tenant': acme}}
    bob: {password: correct horse battery, enabled: false}
";
const OTHER_KEY: &str = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";

async fn issuer(pools: &str, more: &Value) -> TestIssuer {
    let (state, clock) = (Arc::new(TestDatabase::empty().await), Clock::standing_at(NOW));
    let issuer = open_with(config(pools, &state, more), &clock).await.unwrap();
    TestIssuer::serving(issuer, state, clock).await
}

async fn exported(issuer: &Issuer, with_secrets: bool) -> String {
    let mut out = Vec::new();
    assert_eq!(issuer.export("local_Demo12345", with_secrets, &mut out).await.unwrap(), Some(2));
    String::from_utf8(out).unwrap()
}

async fn imported(issuer: &Issuer, into: Option<&str>, lines: &str) -> Result<Imported, String> {
    let made = issuer.import(into.map(str::to_owned), &mut Cursor::new(lines.to_owned())).await;
    made.map_err(|error| error.to_string())
}

fn users(lines: &str) -> Vec<Value> {
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|line| line["kind"] == "user").collect()
}

#[tokio::test]
async fn a_backup_restores_users_with_their_passwords_under_another_master_key() {
    let first = issuer(POOLS, &json!({})).await;
    let before = first.sign_in("web", "alice").await;
    let backup = exported(&first.issuer, true).await;
    let second = issuer("{}", &json!({"master_key": OTHER_KEY})).await;
    let made = imported(&second.issuer, None, &backup).await.unwrap();
    assert_eq!(made, Imported { users: 2, skipped: 0, clients: 1, groups: 1 });
    second.issuer.engine().keeper.serve_all(&second.issuer.engine().pools).await.unwrap();

    let after = second.try_password("web", "alice", PASSWORD).await;
    assert_eq!(after.status, 200, "{}", after.body);
    let (before, after) = (claims(&before.token("IdToken")), claims(&after.token("IdToken")));
    for claim in ["sub", "email", "custom:tenant", "cognito:groups", "cognito:username"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    assert_eq!(second.try_password("web", "bob", PASSWORD).await.refusal().1, "User is disabled.");
    assert_eq!(exported(&second.issuer, true).await, backup, "what was restored gives the same backup");
    let again = imported(&second.issuer, None, &backup).await.unwrap();
    assert_eq!((again.users, again.skipped), (0, 2), "who is there stays");
}

#[tokio::test]
async fn without_secrets_nobody_gets_in_by_what_was_written() {
    let first = issuer(POOLS, &json!({})).await;
    let lines = exported(&first.issuer, false).await;
    for secret in ["argon2id", "srp", "totp", "password_hash"] {
        assert!(!lines.contains(secret), "{secret}");
    }
    let second = issuer("{}", &json!({})).await;
    imported(&second.issuer, None, &lines).await.unwrap();
    second.issuer.engine().keeper.serve_all(&second.issuer.engine().pools).await.unwrap();
    assert_eq!(second.try_password("web", "alice", PASSWORD).await.status, 400);
}

#[tokio::test]
async fn verifiers_are_sealed_where_they_are_kept_and_bound_to_their_pool() {
    let first = issuer(POOLS, &json!({})).await;
    let backup = exported(&first.issuer, true).await;
    let verifier = users(&backup)[0]["srp"]["verifier"].as_str().unwrap_or_else(|| panic!("{backup}")).to_owned();
    let target = "other: {id: local_Other1234, token_algorithm: ES256, clients: {app: {id: app}}, groups: {sales: {}}}";
    let second = issuer(target, &json!({})).await;
    let only_users: String = backup
        .lines()
        .filter(|line| line.contains(r#""kind":"user""#))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(imported(&second.issuer, Some("local_Other1234"), &only_users).await.unwrap().users, 2);
    let mut out = Vec::new();
    second.issuer.export("local_Other1234", true, &mut out).await.unwrap();
    let written = String::from_utf8(out).unwrap();
    assert!(!written.contains(&verifier), "a verifier of another pool proves nothing here");
    assert_eq!(second.try_password("app", "alice", PASSWORD).await.status, 200, "the hash does");
}

#[tokio::test]
async fn users_of_elsewhere_come_in_by_lines_that_say_little() {
    let target = issuer(POOLS, &json!({})).await;
    let hash = users(&exported(&target.issuer, true).await)[0]["password_hash"].as_str().unwrap().to_owned();
    let lines = format!(
        "{}\n\n{}\n",
        json!({"kind": "user", "username": "carol", "password_hash": hash, "groups": ["sales"]}),
        json!({"kind": "user", "username": "dave", "attributes": {"email": "dave@example.com"}})
    );
    let made = imported(&target.issuer, Some("local_Demo12345"), &lines).await.unwrap();
    assert_eq!((made.users, made.skipped), (2, 0));
    let carol = target.try_password("web", "carol", PASSWORD).await;
    assert_eq!(claims(&carol.token("IdToken"))["cognito:groups"], json!(["sales"]));
    assert_eq!(target.try_password("web", "dave", PASSWORD).await.status, 400, "without a hash there is no way in");
}

#[tokio::test]
async fn a_line_that_cannot_be_is_named_by_its_number_and_changes_nothing() {
    let target = issuer(POOLS, &json!({})).await;
    let good = json!({"kind": "user", "username": "carol"});
    for (bad, fragment) in [
        (json!({"kind": "user", "username": "a b"}), "`username`"),
        (json!({"kind": "user", "username": "x", "sub": "not a uuid"}), "`sub`"),
        (json!({"kind": "user", "username": "x", "status": "GONE"}), "`status`"),
        (json!({"kind": "user", "username": "x", "attributes": {"iss": "x"}}), "`attributes`"),
        (json!({"kind": "user", "username": "x", "password_hash": "$2b$31$hunter2"}), "`password_hash`"),
        (json!({"kind": "user", "username": "x", "password": "hunter2"}), "not a line"),
        (json!({"kind": "user", "username": "x", "groups": ["hunter2"]}), "`groups`"),
        (json!({"kind": "user", "username": "x", "factors": ["hunter2"]}), "`factors`"),
        (json!({"kind": "user", "username": "x", "preferred_factor": "hunter2"}), "`factors`"),
        (json!({"kind": "user", "username": "x", "aliases": {"name": "hunter2"}}), "`aliases`"),
        (
            json!({"kind": "client", "id": "x", "name": "x", "access_token_seconds": 90_000, "id_token_seconds": 300,
                "refresh_token_seconds": 3600}),
            "lifetime",
        ),
        (json!({"kind": "secret"}), "not a line"),
        (json!(["hunter2"]), "not a line"),
    ] {
        let error = imported(&target.issuer, Some("local_Demo12345"), &format!("{good}\n{bad}\n")).await.unwrap_err();
        assert!(error.starts_with("line 2 ") && error.contains(fragment), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = imported(&target.issuer, None, &format!("{good}\n")).await.unwrap_err();
    assert!(error.contains("before the line of its pool"), "{error}");
    let mut out = Vec::new();
    assert_eq!(target.issuer.export("local_Demo12345", false, &mut out).await.unwrap(), Some(2), "carol never came");
    assert_eq!(target.issuer.export("local_nobody", false, &mut out).await.unwrap(), None);
}

#[tokio::test]
async fn a_hash_that_others_made_signs_in_once_and_is_then_replaced() {
    let target = issuer(POOLS, &json!({})).await;
    let hashes = [
        ("bcrypt", "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo."),
        ("pbkdf2", "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$AhaeZ02AwPxykuhhDI8XvhQN8GKvmqM+qF6qvs/98I0"),
        ("scrypt", "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$hKGWL22WtdGfIbxEPAZ06BS2bWyYKuZIKvypfAlYOWk"),
    ];
    for (name, hash) in hashes {
        let line = json!({"kind": "user", "username": name, "password_hash": hash}).to_string();
        assert_eq!(imported(&target.issuer, Some("local_Demo12345"), &line).await.unwrap().users, 1);
    }
    let kept = async |name: &str| {
        let mut out = Vec::new();
        target.issuer.export("local_Demo12345", true, &mut out).await.unwrap();
        let user = users(&String::from_utf8(out).unwrap()).into_iter().find(|user| user["username"] == name).unwrap();
        (user["password_hash"].as_str().unwrap().to_owned(), user.get("srp").is_some())
    };
    for (name, hash) in hashes {
        for wrong in ["wrong password", ""] {
            assert_eq!(target.try_password("web", name, wrong).await.status, 400, "{name}");
        }
        assert_eq!(kept(name).await, (hash.to_owned(), false), "a wrong one changes nothing");
        for time in ["first", "second"] {
            let signed_in = target.try_password("web", name, PASSWORD).await;
            assert_eq!(signed_in.status, 200, "{name}, {time}: {}", signed_in.body);
            let (hash, has_verifier) = kept(name).await;
            assert!(hash.starts_with("$argon2id$") && has_verifier, "{name}: {hash}");
        }
        assert_eq!(target.try_password("web", name, "wrong password").await.status, 400);
    }
}
