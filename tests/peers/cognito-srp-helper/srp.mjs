// cognito-srp-helper with the AWS SDK: 200 sign-ins by SRP with secrets of their own, half of them by a client with a secret.

import { CognitoIdentityProviderClient, InitiateAuthCommand, RespondToAuthChallengeCommand } from "@aws-sdk/client-cognito-identity-provider";
import helper from "cognito-srp-helper";

import { CLIENT, PASSWORD, SECRET, SECRET_CLIENT, check, refusal, withIssuer } from "./issuer.mjs";

const TIMES = 200;
const { createSecretHash, createSrpSession, signSrpSession, wrapAuthChallenge, wrapInitiateAuth } = helper;

await withIssuer(async ({ url, poolId }) => {
  const credentials = { accessKeyId: "unused", secretAccessKey: "unused" };
  const client = new CognitoIdentityProviderClient({ endpoint: url, region: "us-east-1", credentials });

  const signIn = async (name, password, withSecret) => {
    const ClientId = withSecret ? SECRET_CLIENT : CLIENT;
    const hash = (user) => (withSecret ? { SECRET_HASH: createSecretHash(user, ClientId, SECRET) } : {});
    const session = createSrpSession(name, password, poolId, false);
    const first = { ClientId, AuthFlow: "USER_SRP_AUTH", AuthParameters: { USERNAME: name, ...hash(name) } };
    const asked = await client.send(new InitiateAuthCommand(wrapInitiateAuth(session, first)));
    const user = asked.ChallengeParameters.USER_ID_FOR_SRP;
    const proof = { ClientId, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: { USERNAME: user, ...hash(user) }, Session: asked.Session };
    const answer = await client.send(new RespondToAuthChallengeCommand(wrapAuthChallenge(signSrpSession(session, asked), proof)));
    return answer.AuthenticationResult?.AccessToken;
  };

  let good = 0;
  for (let time = 0; time < TIMES; time += 1) {
    good += (await signIn(time % 3 ? "alice" : "Bob", PASSWORD, time % 2 === 1)) ? 1 : 0;
  }
  check(`${TIMES} random sign-ins by SRP succeed`, good === TIMES, `${good} did`);
  for (const [name, password] of [["alice", "correct-horse-1"], ["alice", `${PASSWORD} `], ["nobody", PASSWORD], ["bob", ""]]) {
    const said = await refusal(signIn(name, password, false));
    check(`a wrong proof of ${name} is refused`, said === "NotAuthorizedException", said);
  }
});
