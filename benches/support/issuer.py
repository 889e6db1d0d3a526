"""The issuer that the gates under measure trust: its keys, and tokens of it."""

import base64
import json
import time

ISSUER, AUDIENCE = "https://idp.example/bench", "orders-api"


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Key:
    """A signing key of the issuer that all gateways trust."""

    def __init__(self, algorithm, work):
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

        self.algorithm = algorithm
        self.private = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }[algorithm]()
        self.jwks, self.pem = work / f"jwks-{algorithm}.json", work / f"public-{algorithm}.pem"
        self.write_public()

    def write_public(self):
        from cryptography.hazmat.primitives import serialization as form

        public = self.private.public_key()
        self.pem.write_bytes(public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
        number = lambda value, length: base64url(value.to_bytes(length, "big"))
        if self.algorithm == "RS256":
            members = public.public_numbers()
            jwk = {"kty": "RSA", "n": number(members.n, 256), "e": number(members.e, 3)}
        elif self.algorithm == "ES256":
            members = public.public_numbers()
            jwk = {"kty": "EC", "crv": "P-256", "x": number(members.x, 32), "y": number(members.y, 32)}
        else:
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(public.public_bytes(form.Encoding.Raw, form.PublicFormat.Raw))}
        self.jwks.write_text(json.dumps({"keys": [{**jwk, "kid": "bench", "alg": self.algorithm, "use": "sig"}]}))

    def sign(self, text):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        if self.algorithm == "RS256":
            return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        if self.algorithm == "ES256":
            r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(text)

    def token(self, number, **more):
        """About 900 bytes, with the claims of an access token as Cognito makes them, and an audience; `more` adds claims, or has others."""
        now = int(time.time())
        return self.signed({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "6d1c1c9e-5f0a-4b52-9d4c-0c3b5c2f7a11", "jti": f"{number:032x}",
            "iat": now - 60, "exp": now + 86_400, "auth_time": now - 60, "token_use": "access", "version": 2,
            "client_id": "3n4b5urk1ft4fl3mg5e62d9ado", "origin_jti": "0f6f5d0c-6f3b-4b39-8d3f-5f6d3c1b2a10",
            "event_id": "a3a2c1d0-1b2c-4d3e-9f4a-5b6c7d8e9f00", "scope": "openid orders/read orders/write profile",
            "groups": ["sales", "admin", "eu-central"], "username": "alice", **more,
        })

    def signed(self, claims):
        header = {"alg": self.algorithm, "kid": "bench", "typ": "JWT"}
        text = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{text}.{base64url(self.sign(text.encode()))}"


def broken(token):
    """The same with one bit of its signature changed."""
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
