"""boto3 over every operation that is built, signed as administrators and unsigned as users; and the AWS CLI over some of them."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

LYCHGATE = os.environ["LYCHGATE"]
REGION = "eu-west-1"
PATIENCE = 60  # seconds; a busy machine makes keys slowly
KEY, KEY_SECRET = "AKIDPEER", "secret-of-administrators"
PASSWORD = "Correct-horse-1"
FACTS = pathlib.Path(__file__).resolve().parents[3] / "src/issuer/cognito/model/facts.txt"

# nothing of this machine's own AWS set-up may take part
os.environ.update(
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_DEFAULT_REGION=REGION,
    AWS_PAGER="",
)

CONFIG = """
listeners: [{{address: "127.0.0.1:{gate}"}}]
threads: 1
admin: {{address: "127.0.0.1:{admin}"}}
upstreams: {{app: {{endpoints: ["127.0.0.1:9"]}}}}
routes: [{{name: app, match: {{path: "/{{*rest}}"}}, upstream: app}}]
trusted_issuers: {{none: {{issuer: "https://idp.example", keys: {{inline: {{keys: []}}}}, client_ids: [none]}}}}
telemetry: {{access_log: off, log: warn}}
issuer:
  address: 127.0.0.1:{issuer}
  database: "{folder}/issuer.db"
  admin_keys: {{{key}: {secret}}}
"""

failed = 0
called = set()


def check(name, holds, why=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"  # {why}"), flush=True)


def client(url, **settings):
    made = boto3.client("cognito-idp", endpoint_url=url, region_name=REGION, **settings)
    made.meta.events.register("before-call.cognito-idp.*", lambda model, **_: called.add(model.name))
    return made


def administrator(url, secret=KEY_SECRET):
    return client(url, aws_access_key_id=KEY, aws_secret_access_key=secret)


def refusal(call, **arguments):
    """The code of the error that the call must end in."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except Exception as error:  # any other end is what the check then reports
        return f"{type(error).__name__}: {error}"
    return "it was let in"


def totp(secret, at):
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = mac[19] & 15
    return f"{(struct.unpack('>I', mac[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def pools(admin):
    made = admin.create_user_pool(PoolName="made", UserPoolTags={"a": "1"}, AutoVerifiedAttributes=["email"])["UserPool"]
    pool = made["Id"]
    check("a pool is made in the region of the signature", pool.startswith(f"{REGION}_") and made["Arn"].endswith(pool), made)
    check("its times are times", made["CreationDate"].year > 2020)
    admin.update_user_pool(UserPoolId=pool, AutoVerifiedAttributes=["email"], Policies={"PasswordPolicy": {"MinimumLength": 10}})
    described = admin.describe_user_pool(UserPoolId=pool)["UserPool"]
    check("an update is described", described["Policies"]["PasswordPolicy"]["MinimumLength"] == 10)
    check("tags stay where an update says none", described["UserPoolTags"] == {"a": "1"}, described["UserPoolTags"])
    admin.add_custom_attributes(UserPoolId=pool, CustomAttributes=[{"Name": "level", "AttributeDataType": "Number"}])
    listed = [each["Id"] for page in admin.get_paginator("list_user_pools").paginate(MaxResults=1) for each in page["UserPools"]]
    check("pools are listed by pages", pool in listed, listed)
    admin.tag_resource(ResourceArn=made["Arn"], Tags={"b": "2", "c": "3"})
    admin.untag_resource(ResourceArn=made["Arn"], TagKeys=["c"])
    tags = admin.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"]
    check("tags come and go", tags == {"a": "1", "b": "2"}, tags)
    admin.set_user_pool_mfa_config(UserPoolId=pool, SoftwareTokenMfaConfiguration={"Enabled": True},
                                   EmailMfaConfiguration={}, MfaConfiguration="OPTIONAL")  # fmt: skip
    mfa = admin.get_user_pool_mfa_config(UserPoolId=pool)
    check("the second factors are set", mfa["MfaConfiguration"] == "OPTIONAL" and mfa["SoftwareTokenMfaConfiguration"]["Enabled"], mfa)
    return pool


def clients(admin, pool):
    made = admin.create_user_pool_client(UserPoolId=pool, ClientName="server", GenerateSecret=True)["UserPoolClient"]
    named = {"UserPoolId": pool, "ClientId": made["ClientId"]}
    described = admin.describe_user_pool_client(**named)["UserPoolClient"]
    check("a client's secret is told again", described["ClientSecret"] == made["ClientSecret"])
    added = admin.add_user_pool_client_secret(**named)["ClientSecretDescriptor"]
    secrets = admin.list_user_pool_client_secrets(**named)["ClientSecrets"]
    check("a client has two secrets", len(secrets) == 2, secrets)
    admin.delete_user_pool_client_secret(**named, ClientSecretId=added["ClientSecretId"])
    updated = admin.update_user_pool_client(**named, ClientName="renamed")["UserPoolClient"]
    check("a client is changed", updated["ClientName"] == "renamed")
    listed = admin.list_user_pool_clients(UserPoolId=pool, MaxResults=10)["UserPoolClients"]
    check("clients are listed", [each["ClientId"] for each in listed] == [made["ClientId"]], listed)
    admin.delete_user_pool_client(**named)
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_AUTH"]
    return admin.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)["UserPoolClient"]["ClientId"]


def groups(admin, pool, name):
    group = {"UserPoolId": pool, "GroupName": "sales"}
    admin.create_group(**group, Precedence=3)
    admin.update_group(**group, Description="who sells")
    check("a group is changed", admin.get_group(**group)["Group"]["Description"] == "who sells")
    check("groups are listed", len(admin.list_groups(UserPoolId=pool)["Groups"]) == 1)
    admin.admin_add_user_to_group(**group, Username=name)
    members = admin.list_users_in_group(**group)["Users"]
    check("a group has members", [each["Username"] for each in members] == [name], members)
    mine = admin.admin_list_groups_for_user(UserPoolId=pool, Username=name)["Groups"]
    check("a user has groups", [each["GroupName"] for each in mine] == ["sales"], mine)
    admin.admin_remove_user_from_group(**group, Username=name)
    admin.delete_group(**group)


def signing_up(admin, user, pool, web):
    who = {"ClientId": web, "Username": "frank"}
    made = user.sign_up(**who, Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": "frank@example.com"}])
    check("a user signs up", made["CodeDeliveryDetails"]["Destination"] == "f***@e***", made)
    said = refusal(user.confirm_sign_up, **who, ConfirmationCode="000000")
    check("a wrong code is refused", said == "CodeMismatchException", said)
    user.resend_confirmation_code(**who)
    admin.admin_confirm_sign_up(UserPoolId=pool, Username="frank")
    said = refusal(user.confirm_forgot_password, **who, ConfirmationCode="000000", Password=PASSWORD)
    check("no password is set by a wrong code", said == "CodeMismatchException", said)
    sent = user.forgot_password(ClientId=web, Username="nobody")["CodeDeliveryDetails"]
    check("nobody is answered as anybody", sent["DeliveryMedium"] == "EMAIL", sent)


def signed_in(user, web, name, password):
    secret = {"USERNAME": name, "PASSWORD": password}
    return user.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=web, AuthParameters=secret)


def own_account(user, web):
    token = signed_in(user, web, "frank", PASSWORD)["AuthenticationResult"]["AccessToken"]
    user.update_user_attributes(AccessToken=token, UserAttributes=[{"Name": "name", "Value": "Frank"}])
    attributes = {each["Name"]: each["Value"] for each in user.get_user(AccessToken=token)["UserAttributes"]}
    check("a user changes attributes", attributes["name"] == "Frank", attributes)
    user.delete_user_attributes(AccessToken=token, UserAttributeNames=["name"])
    user.get_user_attribute_verification_code(AccessToken=token, AttributeName="email")
    said = refusal(user.verify_user_attribute, AccessToken=token, AttributeName="email", Code="000000")
    check("no address is proved by a wrong code", said == "CodeMismatchException", said)
    said = refusal(user.set_user_settings, AccessToken=token, MFAOptions=[{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}])
    check("no factor is turned on that the pool has not", said == "InvalidParameterException", said)
    said = refusal(user.change_password, AccessToken=token, PreviousPassword="Wrong-horse-1", ProposedPassword="Another-horse-1")
    check("no password is changed by who does not know it", said == "NotAuthorizedException", said)
    user.change_password(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword="Another-horse-1")
    return token


def second_factors(admin, user, pool, web, token):
    secret = user.associate_software_token(AccessToken=token)["SecretCode"]
    said = refusal(user.verify_software_token, AccessToken=token, UserCode="000000")
    check("no app is set up by a wrong code", said == "EnableSoftwareTokenMFAException", said)
    user.verify_software_token(AccessToken=token, UserCode=totp(secret, time.time()))
    user.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    factors = user.get_user_auth_factors(AccessToken=token)
    check("factors are told", factors["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA", factors)

    asked = signed_in(user, web, "frank", "Another-horse-1")
    check("the second factor is asked for", asked.get("ChallengeName") == "SOFTWARE_TOKEN_MFA", asked)
    answer = {"ClientId": web, "ChallengeName": asked["ChallengeName"], "Session": asked["Session"]}
    wrong = {"USERNAME": "frank", "SOFTWARE_TOKEN_MFA_CODE": "000000"}
    said = refusal(user.respond_to_auth_challenge, **answer, ChallengeResponses=wrong)
    check("a wrong one is refused", said == "CodeMismatchException", said)
    right = {"USERNAME": "frank", "SOFTWARE_TOKEN_MFA_CODE": totp(secret, time.time() + 30)}
    tokens = user.respond_to_auth_challenge(**answer, ChallengeResponses=right)["AuthenticationResult"]
    check("the right one lets in", "RefreshToken" in tokens)
    named = {"UserPoolId": pool, "Username": "frank"}
    check("an administrator sees it", "SOFTWARE_TOKEN_MFA" in admin.admin_get_user_auth_factors(**named)["UserMFASettingList"])
    admin.admin_set_user_mfa_preference(**named, SoftwareTokenMfaSettings={"Enabled": False})
    admin.admin_delete_software_token(**named)
    admin.admin_set_user_settings(**named, MFAOptions=[])
    return tokens


def sessions(admin, user, pool, web, tokens):
    renewed = user.get_tokens_from_refresh_token(ClientId=web, RefreshToken=tokens["RefreshToken"])["AuthenticationResult"]
    check("tokens are renewed", "AccessToken" in renewed)
    admin.set_user_pool_session_configuration(UserPoolId=pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 5})
    check("sessions are tracked", admin.get_user_pool_session_configuration(UserPoolId=pool)["TokenSession"]["MaxPerUser"] == 5)
    told = {each["IsCurrentSession"]: each["SessionId"] for each in user.list_user_sessions(AccessToken=renewed["AccessToken"])["Sessions"]}
    check("a user is told of sessions", set(told) == {True, False}, told)
    user.revoke_user_session(AccessToken=renewed["AccessToken"], SessionId=told[False])
    named = {"UserPoolId": pool, "Username": "frank"}
    listed = [each["SessionId"] for each in admin.admin_list_user_sessions(**named)["Sessions"]]
    check("and ends them one by one", told[False] not in listed and told[True] in listed, listed)
    said = refusal(admin.admin_revoke_user_session, **named, SessionId=told[False])
    check("a session that is over cannot be ended", said == "ResourceNotFoundException", said)
    user.revoke_token(ClientId=web, Token=tokens["RefreshToken"])
    said = refusal(user.get_user, AccessToken=renewed["AccessToken"])
    check("a revoked session's tokens are of no use", said == "NotAuthorizedException", said)
    for end in (
        lambda token: user.global_sign_out(AccessToken=token),
        lambda _: admin.admin_user_global_sign_out(UserPoolId=pool, Username="frank"),
        lambda _: admin.admin_disable_user(UserPoolId=pool, Username="frank"),
    ):
        token = signed_in(user, web, "frank", "Another-horse-1")["AuthenticationResult"]["AccessToken"]
        end(token)
        said = refusal(user.get_user, AccessToken=token)
        check("a session that was ended is over", said == "NotAuthorizedException", said)
    admin.admin_enable_user(UserPoolId=pool, Username="frank")


def administered(admin, user, pool, web):
    named = {"UserPoolId": pool, "Username": "grace"}
    made = admin.admin_create_user(**named, TemporaryPassword="Temporary-1", UserAttributes=[{"Name": "custom:level", "Value": "7"}])
    check("an administrator makes a user", made["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD", made)
    flow = {"UserPoolId": pool, "ClientId": web, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    wrong = {"USERNAME": "grace", "PASSWORD": "Wrong-horse-1"}
    said = refusal(admin.admin_initiate_auth, **flow, AuthParameters=wrong)
    check("a wrong password is refused to administrators too", said == "NotAuthorizedException", said)
    asked = admin.admin_initiate_auth(**flow, AuthParameters={"USERNAME": "grace", "PASSWORD": "Temporary-1"})
    check("a new password is asked for", asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED", asked)
    answer = {"USERNAME": "grace", "NEW_PASSWORD": PASSWORD}
    given = admin.admin_respond_to_auth_challenge(UserPoolId=pool, ClientId=web, ChallengeName=asked["ChallengeName"],
                                                  Session=asked["Session"], ChallengeResponses=answer)  # fmt: skip
    check("and taken", "AccessToken" in given["AuthenticationResult"])
    attributes = [{"Name": "email", "Value": "grace@example.com"}, {"Name": "email_verified", "Value": "true"}]
    admin.admin_update_user_attributes(**named, UserAttributes=attributes)
    admin.admin_delete_user_attributes(**named, UserAttributeNames=["custom:level"])
    told = {each["Name"] for each in admin.admin_get_user(**named)["UserAttributes"]}
    check("attributes are set and taken away", "email" in told and "custom:level" not in told, told)
    listed = [each["Username"] for page in admin.get_paginator("list_users").paginate(UserPoolId=pool, Limit=1) for each in page["Users"]]
    check("users are listed by pages", sorted(listed) == ["frank", "grace"], listed)
    found = admin.list_users(UserPoolId=pool, Filter='email ^= "grace"')["Users"]
    check("users are found by filters", [each["Username"] for each in found] == ["grace"], found)
    groups(admin, pool, "grace")
    admin.admin_set_user_password(**named, Password="Another-horse-1", Permanent=True)
    admin.admin_reset_user_password(**named)
    said = refusal(lambda: signed_in(user, web, "grace", "Another-horse-1"))
    check("a password that was taken back lets nobody in", said == "PasswordResetRequiredException", said)
    token = signed_in(user, web, "frank", "Another-horse-1")["AuthenticationResult"]["AccessToken"]
    user.delete_user(AccessToken=token)
    admin.admin_delete_user(**named)
    check("users are gone", admin.list_users(UserPoolId=pool)["Users"] == [])


def signatures(url, admin):
    said = refusal(client(url, config=Config(signature_version=UNSIGNED)).list_user_pools, MaxResults=1)
    check("nobody administers unsigned", said == "MissingAuthenticationTokenException", said)
    said = refusal(administrator(url, "another-secret-of-16").list_user_pools, MaxResults=1)
    check("nor with another secret", said == "InvalidSignatureException", said)
    said = refusal(client(url, aws_access_key_id="AKIDNOBODY", aws_secret_access_key="x").list_user_pools, MaxResults=1)
    check("nor with an unknown key", said == "UnrecognizedClientException", said)
    said = refusal(admin.list_devices, AccessToken="x")
    check("what is not built says so", said == "UnsupportedOperationException", said)
    called.discard("ListDevices")


def the_command_line(url):
    def aws(*arguments):
        keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY_SECRET}
        command = ["aws", "cognito-idp", *arguments, "--endpoint-url", url, "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **keys})
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    code, made, complaint = aws("create-user-pool", "--pool-name", "by hand")
    check("the AWS CLI makes a pool", code == 0, complaint)
    pool = made["UserPool"]["Id"] if made else "none_none"
    code, _, complaint = aws("admin-create-user", "--user-pool-id", pool, "--username", "henry", "--message-action", "SUPPRESS")
    check("and a user", code == 0, complaint)
    code, users, complaint = aws("list-users", "--user-pool-id", pool)
    check("and lists users", code == 0 and [each["Username"] for each in users["Users"]] == ["henry"], complaint)
    code, _, complaint = aws("delete-user-pool", "--user-pool-id", pool)
    check("and deletes the pool", code == 0, complaint)


def uses(url):
    admin, user = administrator(url), client(url, config=Config(signature_version=UNSIGNED))
    signatures(url, admin)
    pool = pools(admin)
    web = clients(admin, pool)
    signing_up(admin, user, pool, web)
    token = own_account(user, web)
    tokens = second_factors(admin, user, pool, web, token)
    sessions(admin, user, pool, web, tokens)
    administered(admin, user, pool, web)
    admin.delete_user_pool(UserPoolId=pool)
    said = refusal(admin.describe_user_pool, UserPoolId=pool)
    check("the pool is gone", said == "ResourceNotFoundException", said)
    lines = [line.split()[:2] for line in FACTS.read_text().splitlines()]
    built = {name for kind, name in lines if kind in ("open", "call")}
    check(f"all {len(built)} operations that are built were called", built <= called, built - called)
    the_command_line(url)


def free_ports(count):
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until_ready(process, url, log):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"lychgate did not start: {log.read_text()}")


def main():
    with tempfile.TemporaryDirectory(prefix="lychgate-directory-") as folder:
        gate, operator, issuer = free_ports(3)
        config = pathlib.Path(folder) / "lychgate.yaml"
        config.write_text(CONFIG.format(gate=gate, admin=operator, issuer=issuer, folder=folder, key=KEY, secret=KEY_SECRET))
        log = pathlib.Path(folder) / "log.txt"
        url = f"http://127.0.0.1:{issuer}"
        with log.open("w") as output:
            process = subprocess.Popen([LYCHGATE, "serve", "--config", config], stdout=output, stderr=output)
            try:
                wait_until_ready(process, f"{url}/none/.well-known/jwks.json", log)
                uses(url)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
