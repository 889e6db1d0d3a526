//! What is kept of secrets: nothing in clear, wherever it lies in the database.

use serde_json::{Value, json};

use super::support::{NOW, PASSWORD, TestIssuer};
use crate::issuer::pool::proof::{TotpSecret, Verifier};

const GOOD: &str = "Correct-horse-1";

/// A pool with everything in it that is secret.
struct Full {
    issuer: TestIssuer,
    pool: String,
    client: String,
}

impl Full {
    async fn start() -> Self {
        let issuer = TestIssuer::start().await;
        let settings = json!({"PoolName": "full", "AutoVerifiedAttributes": ["email"],
            "Policies": {"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 3},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}});
        let pool = issuer.make_pool(&settings).await;
        let factors = json!({"UserPoolId": pool, "MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {},
            "SoftwareTokenMfaConfiguration": {"Enabled": true}});
        assert_eq!(issuer.admin("SetUserPoolMfaConfig", &factors).await.status, 200);
        let client = issuer.make_client(&pool, &json!({})).await;
        Self { issuer, pool, client }
    }

    async fn code(&self) -> String {
        self.issuer.code(&self.pool).await
    }

    /// The newest message and all that is secret in it.
    async fn letter(&self) -> String {
        self.issuer.letters(&self.pool).await[0]["body"].as_str().unwrap().to_owned()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

#[tokio::test]
async fn nothing_that_proves_anybody_is_kept_in_clear() {
    let full = Full::start().await;
    let (issuer, pool, client) = (&full.issuer, &full.pool, &full.client);
    let mut secrets = Vec::new();

    // Secrets of clients: made, added, and given by the caller.
    let made = issuer.make_confidential(pool).await;
    secrets.push(text(&made["ClientSecret"]));
    let named = json!({"UserPoolId": pool, "ClientId": made["ClientId"]});
    let added = issuer.admin("AddUserPoolClientSecret", &named).await.body;
    secrets.push(text(&added["ClientSecretDescriptor"]["ClientSecretValue"]));

    // A sign-up: its password, its code, the `Session` that it goes on with.
    let attributes = json!([{"Name": "email", "Value": "frank@example.com"}]);
    let sign_up = json!({"ClientId": client, "Username": "frank", "Password": GOOD, "UserAttributes": attributes});
    let signed_up = issuer.call("SignUp", &sign_up).await.body;
    secrets.extend([GOOD.to_owned(), text(&signed_up["Session"]), full.letter().await]);
    let confirm = json!({"ClientId": client, "Username": "frank", "ConfirmationCode": full.code().await});
    let confirmed = issuer.call("ConfirmSignUp", &confirm).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    secrets.push(text(&confirmed.body["Session"]));

    // Tokens, an app that is set up and one that is not yet, a changed password, a code for a new one.
    let signed_in = issuer.try_password(client, "frank", GOOD).await;
    let access = signed_in.token("AccessToken");
    secrets.extend([access.clone(), signed_in.token("IdToken"), signed_in.token("RefreshToken")]);
    let associate = json!({"AccessToken": access});
    let accepted = text(&issuer.call("AssociateSoftwareToken", &associate).await.body["SecretCode"]);
    let right = TotpSecret::of(zeroize::Zeroizing::new(unbase32(&accepted))).code(NOW / 30);
    let verify = json!({"AccessToken": access, "UserCode": right});
    assert_eq!(issuer.call("VerifySoftwareToken", &verify).await.status, 200);
    let pending = text(&issuer.call("AssociateSoftwareToken", &associate).await.body["SecretCode"]);
    secrets.extend([accepted.clone(), pending.clone()]);
    let change = json!({"AccessToken": access, "PreviousPassword": GOOD, "ProposedPassword": "Another-horse-1"});
    assert_eq!(issuer.call("ChangePassword", &change).await.status, 200);
    secrets.push("Another-horse-1".to_owned());
    issuer.call("ForgotPassword", &json!({"ClientId": client, "Username": "frank"})).await;
    secrets.push(full.letter().await);
    let first = json!({"USERNAME": "frank", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let asked = issuer.initiate(client, "USER_AUTH", &first).await.body;
    secrets.extend([text(&asked["Session"]), full.letter().await]);

    // An invitation with a password that nobody chose.
    let create = json!({"UserPoolId": pool, "Username": "grace", "UserAttributes": [{"Name": "email", "Value": "g@example.com"}]});
    assert_eq!(issuer.admin("AdminCreateUser", &create).await.status, 200);
    let invitation = full.letter().await;
    secrets.push(invitation.rsplit_once(' ').unwrap().1.trim_end_matches('.').to_owned());
    secrets.push(PASSWORD.to_owned());

    issuer.issuer.engine().database.close().await;
    let kept = issuer.state.kept().await;
    let holds = |bytes: &[u8]| kept.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(b"frank@example.com") && holds(b"$argon2id$"), "the search finds what is there");
    for secret in &secrets {
        assert!(secret.len() >= 8 && !holds(secret.as_bytes()), "{secret}");
    }
    for seed in [accepted, pending] {
        let seed = unbase32(&seed);
        let hexadecimal = crate::issuer::pool::proof::hex(&seed);
        assert!(!holds(&seed) && !holds(hexadecimal.as_bytes()), "as bytes");
    }
}

/// PostgreSQL shows bytes in hexadecimal, where a search for them would find nothing: what is sealed is looked at apart.
#[tokio::test]
async fn a_verifier_cannot_be_told_from_what_is_kept_of_it() {
    let full = Full::start().await;
    let create = json!({"UserPoolId": full.pool, "Username": "frank", "MessageAction": "SUPPRESS"});
    assert_eq!(full.issuer.admin("AdminCreateUser", &create).await.status, 200);
    let set = json!({"UserPoolId": full.pool, "Username": "frank", "Password": GOOD, "Permanent": true});
    assert_eq!(full.issuer.admin("AdminSetUserPassword", &set).await.status, 200);
    let engine = full.issuer.issuer.engine();
    let stored = engine.stored_user(&full.pool, "frank").await.unwrap();
    let sealed = stored.credentials.srp.unwrap();
    let opened: Verifier = engine.opened_verifier(&stored.user.sub, &sealed).unwrap();
    assert_eq!(opened.value.len(), 384);
    assert!(sealed.sealed.windows(32).all(|window| !opened.value.windows(32).any(|clear| clear == window)));
    assert!(engine.opened_verifier("another", &sealed).is_err(), "it opens in its own row alone");
}

fn unbase32(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text.chars().map(|letter| format!("{:05b}", alphabet.find(letter).unwrap())).collect();
    bits.as_bytes().chunks(8).map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap()).collect()
}
