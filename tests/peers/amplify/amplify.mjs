// aws-amplify against the issuer: sign-up, sign-in by SRP, a wrong password, MFA, refresh, sign-out.

import { AdminConfirmSignUpCommand, CognitoIdentityProviderClient } from "@aws-sdk/client-cognito-identity-provider";
import { Amplify } from "aws-amplify";
import * as auth from "aws-amplify/auth";
import { cognitoUserPoolsTokenProvider } from "aws-amplify/auth/cognito";
import { CognitoJwtVerifier } from "aws-jwt-verify";

import { CLIENT, CODES_CLIENT, CODES_POOL, PASSWORD, check, nextTotp, refusal, totp, withIssuer } from "./issuer.mjs";

const kept = new Map();
const storage = {
  getItem: async (key) => kept.get(key) ?? null,
  setItem: async (key, value) => void kept.set(key, value),
  removeItem: async (key) => void kept.delete(key),
  clear: async () => kept.clear(),
};

await withIssuer(async ({ url, admin: operator, poolId }) => {
  Amplify.configure({ Auth: { Cognito: { userPoolId: poolId, userPoolClientId: CLIENT, userPoolEndpoint: url } } });
  cognitoUserPoolsTokenProvider.setKeyValueStorage(storage);
  const admin = new CognitoIdentityProviderClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIDPEER", secretAccessKey: "secret-of-administrators" },
  });

  const signedUp = await auth.signUp({ username: "carol", password: PASSWORD, options: { userAttributes: { email: "carol@example.com" } } });
  check("amplify signs a user up", signedUp.userId?.length === 36, JSON.stringify(signedUp));
  let said = await refusal(auth.signUp({ username: "Carol", password: PASSWORD }));
  check("amplify is told that the name is taken", said === "UsernameExistsException", said);
  said = await refusal(auth.signUp({ username: "weak", password: "weak" }));
  check("amplify is told that a password is weak", said === "InvalidPasswordException", said);
  said = await refusal(auth.confirmSignUp({ username: "carol", confirmationCode: "000000" }));
  check("a wrong code does not confirm", said === "CodeMismatchException", said);
  const early = await auth.signIn({ username: "carol", password: PASSWORD });
  check("who is not confirmed is asked to", early.nextStep.signInStep === "CONFIRM_SIGN_UP", JSON.stringify(early));
  await admin.send(new AdminConfirmSignUpCommand({ UserPoolId: poolId, Username: "carol" }));

  for (const authFlowType of ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"]) {
    said = await refusal(auth.signIn({ username: "carol", password: "Wrong-horse-1", options: { authFlowType } }));
    check(`amplify is refused with a wrong password (${authFlowType})`, said === "NotAuthorizedException", said);
    const signedIn = await auth.signIn({ username: "carol", password: PASSWORD, options: { authFlowType } });
    check(`amplify signs in (${authFlowType})`, signedIn.isSignedIn, JSON.stringify(signedIn));
    await auth.signOut();
  }

  await auth.signIn({ username: "carol", password: PASSWORD });
  const first = await auth.fetchAuthSession();
  const token = first.tokens.accessToken.toString();
  // the pool's `iss` is the one that Cognito would have; its keys are where the issuer is
  const verifier = CognitoJwtVerifier.create({ userPoolId: poolId, tokenUse: "access", clientId: CLIENT });
  verifier.cacheJwks(await (await fetch(`${url}/${poolId}/.well-known/jwks.json`)).json());
  const claims = await verifier.verify(token);
  check("aws-jwt-verify takes the access token", claims.username === "carol" && claims.client_id === CLIENT, JSON.stringify(claims));
  const id = await verifier.verify(first.tokens.idToken.toString(), { tokenUse: "id" });
  check("aws-jwt-verify takes the ID token", id.email === "carol@example.com" && id.aud === CLIENT, JSON.stringify(id));
  const [head, body, signature] = token.split(".");
  said = await refusal(verifier.verify(`${head}.${body}.${signature.slice(0, -8)}AAAAAAAA`));
  check("aws-jwt-verify refuses a forged one", said !== "it was let in", said);
  said = await refusal(verifier.verify(token, { clientId: "another" }));
  check("aws-jwt-verify refuses it for another client", said !== "it was let in", said);

  await auth.updateUserAttributes({ userAttributes: { name: "Carol" } });
  const attributes = await auth.fetchUserAttributes();
  check("amplify changes and reads attributes", attributes.name === "Carol" && attributes.email === "carol@example.com", JSON.stringify(attributes));
  const renewed = await auth.fetchAuthSession({ forceRefresh: true });
  check("amplify refreshes", renewed.tokens.accessToken.toString() !== token);

  const setup = await auth.setUpTOTP();
  await auth.verifyTOTPSetup({ code: totp(setup.sharedSecret) });
  await auth.updateMFAPreference({ totp: "PREFERRED" });
  const preference = await auth.fetchMFAPreference();
  check("amplify turns an authenticator app on", preference.preferred === "TOTP", JSON.stringify(preference));
  await auth.signOut();
  const asked = await auth.signIn({ username: "carol", password: PASSWORD });
  check("then the second factor is asked for", asked.nextStep.signInStep === "CONFIRM_SIGN_IN_WITH_TOTP_CODE", JSON.stringify(asked));
  said = await refusal(auth.confirmSignIn({ challengeResponse: "000000" }));
  check("a wrong second factor is refused", said === "CodeMismatchException", said);
  const through = await auth.confirmSignIn({ challengeResponse: nextTotp(setup.sharedSecret) });
  check("the right one lets in", through.isSignedIn, JSON.stringify(through));

  const last = (await auth.fetchAuthSession()).tokens.accessToken.toString();
  await auth.signOut({ global: true });
  const after = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSCognitoIdentityProviderService.GetUser" },
    body: JSON.stringify({ AccessToken: last }),
  });
  check("after a global sign-out its token is of no use", (await after.json()).message === "Access Token has been revoked");

  // from a sign-up straight into a sign-in, by the one code that confirmed the account
  Amplify.configure({ Auth: { Cognito: { userPoolId: CODES_POOL, userPoolClientId: CODES_CLIENT, userPoolEndpoint: url } } });
  const options = { userAttributes: { email: "dave@example.com" }, autoSignIn: { authFlowType: "USER_AUTH" } };
  const begun = await auth.signUp({ username: "dave", password: PASSWORD, options });
  check("amplify is asked for the code of a sign-up", begun.nextStep.signUpStep === "CONFIRM_SIGN_UP", JSON.stringify(begun));
  const code = JSON.stringify(await (await fetch(`${operator}/messages`)).json()).match(/\b\d{6}\b/)?.[0];
  const confirmed = await auth.confirmSignUp({ username: "dave", confirmationCode: code });
  check("and may go on into a sign-in", confirmed.nextStep.signUpStep === "COMPLETE_AUTO_SIGN_IN", JSON.stringify(confirmed));
  const signedIn = await auth.autoSignIn();
  check("which needs no other factor", signedIn.isSignedIn, JSON.stringify(signedIn));
  check("and has the user's name", (await auth.getCurrentUser()).username === "dave");
});
