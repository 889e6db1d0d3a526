// amazon-cognito-identity-js against the issuer: sign-up, SRP, a wrong password, MFA, refresh, sign-out.

import { AdminConfirmSignUpCommand, CognitoIdentityProviderClient } from "@aws-sdk/client-cognito-identity-provider";
import identity from "amazon-cognito-identity-js";

import { CLIENT, PASSWORD, check, nextTotp, refusal, totp, withIssuer } from "./issuer.mjs";

const { AuthenticationDetails, CognitoUser, CognitoUserAttribute, CognitoUserPool } = identity;

/** Calls what takes a callback of the form (error, result). */
const called = (call) => new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));

await withIssuer(async ({ url, poolId }) => {
  const pool = new CognitoUserPool({ UserPoolId: poolId, ClientId: CLIENT, endpoint: url });
  const user = (name) => new CognitoUser({ Username: name, Pool: pool });
  const signIn = (who, password) =>
    new Promise((resolve, reject) =>
      who.authenticateUser(new AuthenticationDetails({ Username: who.getUsername(), Password: password }), {
        onSuccess: (session) => resolve({ session }),
        onFailure: reject,
        totpRequired: (name) => resolve({ asked: name }),
        mfaSetup: (name) => resolve({ asked: name }),
      }),
    );

  const email = new CognitoUserAttribute({ Name: "email", Value: "erin@example.com" });
  const signedUp = await called((done) => pool.signUp("erin", PASSWORD, [email], [], done));
  check("the identity library signs a user up", signedUp.userSub.length === 36 && !signedUp.userConfirmed);
  let said = await refusal(signIn(user("erin"), PASSWORD));
  check("who is not confirmed is told so", said === "UserNotConfirmedException", said);
  const credentials = { accessKeyId: "AKIDPEER", secretAccessKey: "secret-of-administrators" };
  const admin = new CognitoIdentityProviderClient({ endpoint: url, region: "us-east-1", credentials });
  await admin.send(new AdminConfirmSignUpCommand({ UserPoolId: poolId, Username: "erin" }));

  said = await refusal(signIn(user("erin"), "Wrong-horse-1"));
  check("a wrong password is refused in SRP", said === "NotAuthorizedException", said);
  const erin = user("erin");
  const { session } = await signIn(erin, PASSWORD);
  check("the right one is proved by SRP", session?.isValid() === true);
  const attributes = await called((done) => erin.getUserAttributes(done));
  check("attributes are read", attributes.some((attribute) => attribute.getValue() === "erin@example.com"));
  const renewed = await called((done) => erin.refreshSession(session.getRefreshToken(), done));
  check("the session is refreshed", renewed.getAccessToken().getJwtToken() !== session.getAccessToken().getJwtToken());

  const secret = await new Promise((associateSecretCode, onFailure) => erin.associateSoftwareToken({ associateSecretCode, onFailure }));
  await new Promise((onSuccess, onFailure) => erin.verifySoftwareToken(totp(secret), "phone", { onSuccess, onFailure }));
  await called((done) => erin.setUserMfaPreference(null, { PreferredMfa: true, Enabled: true }, done));
  const again = user("erin");
  const { asked } = await signIn(again, PASSWORD);
  check("the second factor is asked for after SRP", asked === "SOFTWARE_TOKEN_MFA", asked);
  const code = (digits) =>
    new Promise((onSuccess, onFailure) => again.sendMFACode(digits, { onSuccess, onFailure }, "SOFTWARE_TOKEN_MFA"));
  said = await refusal(code("000000"));
  check("a wrong second factor is refused", said === "CodeMismatchException", said);
  const through = await code(nextTotp(secret));
  check("the right one lets in", through.isValid());

  await called((done) => again.changePassword(PASSWORD, "Another-horse-1", done));
  said = await refusal(signIn(user("erin"), PASSWORD));
  check("a changed password is proved no more", said === "NotAuthorizedException", said);
  await new Promise((onSuccess, onFailure) => again.globalSignOut({ onSuccess, onFailure }));
  said = await refusal(called((done) => erin.refreshSession(session.getRefreshToken(), done)));
  check("a global sign-out ends every session", said === "NotAuthorizedException", said);
});
