//! Made-up houses, each with one law broken: proof that the laws would notice.

use super::Broken;
use super::source::House;
use super::{cards, floors, style, words};

const TOKEN_CARD: (&str, &str) = (
    "token/mod.rs",
    "//! Is it genuine?\n\nmod config;\nmod verify;\n\npub use config::{KeysConfig, TrustedIssuerConfig};\npub use verify::{VerifiedToken, Verifier};\n",
);

fn broken(law: fn(&House) -> Broken, path: &str, text: &str) -> Broken {
    law(&House::of([TOKEN_CARD, (path, text)]))
}

#[track_caller]
fn breaks(law: fn(&House) -> Broken, path: &str, text: &str) {
    assert_eq!(broken(law, path, text).len(), 1, "{path}: {text}\n{:?}", broken(law, path, text));
}

#[track_caller]
fn keeps(law: fn(&House) -> Broken, path: &str, text: &str) {
    assert_eq!(broken(law, path, text), [""; 0], "{path}: {text}");
}

#[test]
fn an_upward_import_is_reported_however_it_is_written() {
    let law = floors::imports_run_downward;
    breaks(law, "jose/jwk.rs", "use crate::token::Verifier;");
    breaks(law, "jose/jwk.rs", "use crate::{token::Verifier};");
    breaks(law, "jose/jwk.rs", "use {std::fmt, crate::token::Verifier};");
    breaks(law, "jose/jwk.rs", "fn f() { crate::token::Verifier::new() }");
    breaks(law, "jose/jwk.rs", "use super::super::token::Verifier;");
    breaks(law, "jose/jwk.rs", "pub(crate) use crate :: token :: Verifier as Other;");
    breaks(law, "issuer/pool/user.rs", "use super::super::super::authorizer::Permit;");
}

#[test]
fn each_import_of_a_group_is_looked_at() {
    let text = "use crate::{clock::Clock, policy::{Bundle, Verdict}, jose::Jwk, server::Server};";
    let broken = broken(floors::imports_run_downward, "token/verify.rs", text);
    assert_eq!(broken.len(), 3, "{broken:?}");
}

#[test]
fn rooms_of_one_floor_and_rooms_not_in_the_table_are_out_of_reach() {
    let law = floors::imports_run_downward;
    breaks(law, "proxy/gateway.rs", "use crate::token::Verifier;");
    breaks(law, "proxy/gateway.rs", "use crate::ext_authz::Door;");
    breaks(law, "issuer/routes.rs", "use crate::policy::Bundle;");
    breaks(law, "policy/query.rs", "use crate::clock::Clock;");
    breaks(law, "server/build.rs", "use crate::cli::Args;");
    breaks(law, "attic/mod.rs", "//! Not in the plan.");
    breaks(law, "token/verify.rs", "use crate::VERSION;");
    breaks(law, "lib.rs", "use crate::token::Verifier;");
}

#[test]
fn downward_imports_and_those_within_a_room_are_fine() {
    let law = floors::imports_run_downward;
    keeps(
        law,
        "token/jwks/fetch.rs",
        "use super::super::error::TokenError; use crate::token::claims::Claims; use crate::jose::Jwk;",
    );
    keeps(law, "server/build.rs", "use crate::{token::Verifier, proxy::Gateway, clock::Clock};");
    keeps(law, "main.rs", "use lychgate::cli::run;");
    keeps(law, "clock.rs", "pub(crate) struct Clock;");
}

#[test]
fn short_forms_are_for_switches_only() {
    let law = floors::imports_run_downward;
    keeps(law, "policy/config.rs", "use crate::short_form::ShortForm;");
    breaks(law, "policy/bundle.rs", "use crate::short_form::ShortForm;");
}

#[test]
fn comments_texts_and_tests_import_nothing() {
    let law = floors::imports_run_downward;
    keeps(law, "jose/jwk.rs", "// use crate::token::Verifier;\n/* a /* b */ crate::token::Verifier */");
    keeps(
        law,
        "jose/jwk.rs",
        r##"const A: &str = "\" crate::token::X"; const B: &str = r#"" crate::token::X"#; const C: char = '"';"##,
    );
    keeps(law, "jose/jwk.rs", "#[cfg(test)]\nmod tests {\n    use crate::token::Verifier;\n}\n");
    breaks(law, "jose/jwk.rs", "#[cfg(test)]\nmod tests {\n}\nuse crate::token::Verifier;\n");
    breaks(law, "jose/jwk.rs", "fn f<'a>(x: &'a str) -> crate::token::Verifier<'a> { '\\'' }");
}

#[test]
fn a_file_whose_module_is_for_tests_is_a_test() {
    let house = |card| {
        floors::imports_run_downward(&House::of([
            ("jose/mod.rs", card),
            ("jose/tests/peers.rs", "use crate::token::Verifier;"),
        ]))
    };
    assert_eq!(house("#[cfg(test)]\nmod tests;\n"), [""; 0]);
    assert_eq!(house("mod tests;\n").len(), 1);
}

#[test]
fn a_way_past_the_card_is_reported() {
    let law = floors::rooms_are_imported_by_their_face;
    keeps(
        law,
        "authorizer/authorize.rs",
        "use crate::token::{VerifiedToken, Verifier}; fn f() { crate::token::Verifier::new() }",
    );
    keeps(law, "token/cache.rs", "use crate::token::verify::Verifier;");
    breaks(law, "authorizer/authorize.rs", "use crate::token::verify::Verifier;");
    breaks(law, "authorizer/authorize.rs", "use crate::token::verify;");
    keeps(law, "authorizer/authorize.rs", "use crate::token::{self, Verifier};");
    breaks(law, "authorizer/authorize.rs", "fn f(it: crate::token::verify::Verifier) {}");
}

#[test]
fn the_fuse_box_is_refused_anything_but_configs() {
    let law = floors::config_takes_only_configs;
    keeps(law, "config/sections.rs", "use crate::token::{KeysConfig, TrustedIssuerConfig};");
    breaks(law, "config/sections.rs", "use crate::token::Verifier;");
    breaks(law, "config/check.rs", "use crate::clock::Clock;");
}

#[test]
fn a_glob_of_our_own_is_reported() {
    let law = floors::no_glob_of_our_own;
    keeps(law, "server/build.rs", "use std::io::*;");
    breaks(law, "server/build.rs", "use crate::token::*;");
    breaks(law, "token/cache.rs", "use super::*;");
    breaks(law, "token/cache.rs", "use crate::token::{verify::{self, *}};");
}

#[test]
fn whatever_a_card_defines_is_reported() {
    let law = cards::cards_define_nothing;
    keeps(
        law,
        "jose/mod.rs",
        "//! Keys.\n#![cfg(unix)]\nmod jwk;\n#[cfg(test)]\nmod tests;\npub use jwk::{Jwk, Kty as Type};\npub(crate) use jwk::Raw;\n",
    );
    breaks(law, "jose/mod.rs", "pub mod jwk;");
    breaks(law, "jose/mod.rs", "pub(crate) mod jwk;");
    keeps(law, "jose/keys/mod.rs", "pub(crate) mod jwk;\npub(in crate::jose) mod kid;");
    breaks(law, "jose/mod.rs", "use jwk::Jwk;");
    breaks(law, "jose/mod.rs", "const LIMIT: usize = 3;");
    breaks(law, "jose/mod.rs", "mod jwk;\npub fn parse() {}");
    breaks(law, "jose/keys/mod.rs", "mod jwk { }");
    breaks(law, "jose/mod.rs", "pub type Result<T> = std::result::Result<T, Error>;");
    keeps(law, "lib.rs", "//! The map.\npub mod jose;\nmod short_form;\n");
    breaks(law, "lib.rs", "pub use jose::Jwk;");
}

#[test]
fn a_main_that_does_something_itself_is_reported() {
    let law = cards::main_is_thin;
    keeps(law, "main.rs", "//! The binary.\n\nfn main() -> ExitCode { lychgate::cli::run() }\n");
    breaks(law, "main.rs", "fn main() {}\nfn parse() {}");
    breaks(law, "main.rs", "struct Args;\nfn main() {}");
    breaks(law, "main.rs", &"// much\n".repeat(41));
    breaks(law, "lib.rs", "");
}

#[test]
fn a_file_that_opens_without_a_sentence_is_reported() {
    let law = style::each_file_opens_with_a_sentence;
    keeps(law, "jose/jwk.rs", "//! Keys.\n");
    breaks(law, "jose/jwk.rs", "use std::fmt;\n");
    breaks(law, "jose/jwk.rs", "\n//! Keys.\n");
}

#[test]
fn a_file_of_more_than_500_shipping_lines_is_reported() {
    let law = style::no_file_is_too_long;
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n    fn f() {}\n".repeat(300));
    keeps(law, "jose/jwk.rs", &("fn f() {}\n".repeat(500) + &tests));
    breaks(law, "jose/jwk.rs", &("fn f() {}\n".repeat(501) + &tests));
    breaks(law, "jose/jwk.rs", &"// words count\n".repeat(501));
}

#[test]
fn names_that_say_nothing_are_reported() {
    let law = style::names_say_something;
    keeps(law, "jose/jwk.rs", "struct Database; enum Metadata {} trait Informed {} fn getter() {} struct Baseline;");
    for name in ["KeyManager", "KeyHelper", "JwtUtil", "CommonKeys", "KeyBase", "KeyImpl", "UserData", "BuildInfo"] {
        breaks(law, "jose/jwk.rs", &format!("pub struct {name};"));
    }
    breaks(law, "jose/jwk.rs", "trait BaseKey {}");
    breaks(law, "jose/jwk.rs", "type KeyInfo = u8;");
    breaks(law, "jose/jwk.rs", "pub(crate) async fn get_key() {}");
    keeps(law, "issuer/cognito/profile.rs", "async fn get_user() {}");
    breaks(law, "jose/utils.rs", "//! Things.");
    breaks(law, "jose/common/keys.rs", "//! Things.");
}

#[test]
fn a_status_chosen_out_of_place_is_reported() {
    let law = words::statuses_stand_in_their_places;
    for place in ["authorizer/denial.rs", "issuer/cognito/error.rs", "issuer/oauth/error.rs", "admin/answer.rs"] {
        keeps(law, place, "fn status() -> StatusCode { StatusCode::FORBIDDEN }");
    }
    keeps(
        law,
        "proxy/upstream.rs",
        "fn ok(status: StatusCode) -> bool { status == StatusCode::OK || StatusCode::from_u16(status) }",
    );
    keeps(
        law,
        "proxy/upstream.rs",
        "const WAIT: Duration = Duration::from_millis(500); const A: u64 = 4_030; const B: f64 = 0.403;",
    );
    breaks(law, "proxy/respond.rs", "fn f() { write(StatusCode::BAD_GATEWAY) }");
    breaks(law, "proxy/respond.rs", "fn f() { session.respond_error(403) }");
    breaks(law, "proxy/respond.rs", "fn f() { session.respond_error(404_u16) }");
    breaks(law, "proxy/respond.rs", "fn f() { set_status(500) }");
    breaks(law, "issuer/error.rs", "fn f() { write(StatusCode::NOT_FOUND) }");
    breaks(law, "issuer/oauth/door/error.rs", "fn f() { write(StatusCode::NOT_FOUND) }");
}

#[test]
fn a_crate_outside_its_room_is_reported() {
    let law = words::crates_stay_in_their_rooms;
    keeps(law, "policy/bundle.rs", "use cedar_policy::PolicySet;");
    keeps(law, "proxy/gateway.rs", "use pingora::proxy::Session; use pingora_core::Error;");
    keeps(law, "server/build.rs", "use anyhow::Context; use miette::Report;");
    keeps(law, "telemetry/logs.rs", "fn f() { let pingora = 1; }");
    breaks(law, "authorizer/authorize.rs", "use cedar_policy::PolicySet;");
    breaks(law, "authorizer/authorize.rs", "use cedar_policy_core::ast::Policy;");
    breaks(law, "authorizer/authorize.rs", "fn f(session: &mut pingora::proxy::Session) {}");
    breaks(law, "authorizer/authorize.rs", "fn f() { pingora_http::f() }");
    breaks(law, "token/verify.rs", "fn f() -> anyhow::Result<()> {}");
    breaks(law, "config/load.rs", "use miette;");
}

#[test]
fn a_look_at_the_wall_clock_is_reported_in_tests_too() {
    let law = words::the_wall_clock_is_read_in_one_place;
    keeps(law, "clock.rs", "fn f() { SystemTime::now() }");
    keeps(law, "token/verify.rs", "use std::time::SystemTime; // SystemTime::now");
    breaks(law, "token/verify.rs", "fn f() { std::time::SystemTime :: now() }");
    breaks(law, "token/verify.rs", "#[cfg(test)]\nmod tests { fn f() { SystemTime::now() } }");
}
