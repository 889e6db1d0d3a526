//! Every operation of user pools and identity pools by name, and which of them are built.

use super::model::{Operation, operation};

/// What a target names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Built(&'static Operation),
    /// An operation of the service model that is not built.
    NotBuilt(&'static str),
    Unknown,
}

impl Target {
    /// Reads the value of `X-Amz-Target`: the service's name, a dot, the operation's name.
    pub(super) fn read(target: &str) -> Self {
        match target.split_once('.') {
            Some((USER_POOLS, name)) => operation(name).map_or_else(|| known(&USER_POOL_OPERATIONS, name), Self::Built),
            Some((IDENTITY_POOLS, name)) => known(&IDENTITY_POOL_OPERATIONS, name),
            _ => Self::Unknown,
        }
    }

    /// The operation's name; only names that we know ourselves, so that logs stay bounded.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Built(operation) => operation.name,
            Self::NotBuilt(name) => name,
            Self::Unknown => "unknown",
        }
    }
}

const USER_POOLS: &str = "AWSCognitoIdentityProviderService";
const IDENTITY_POOLS: &str = "AWSCognitoIdentityService";

fn known(operations: &[&'static str], name: &str) -> Target {
    let place = operations.binary_search(&name).ok();
    place.and_then(|place| operations.get(place)).map_or(Target::Unknown, |name| Target::NotBuilt(name))
}

/// All operations of `cognito-idp` 2016-04-18, sorted.
const USER_POOL_OPERATIONS: [&str; 141] = [
    "AddCustomAttributes",
    "AddUserPoolClientSecret",
    "AdminAddUserToGroup",
    "AdminConfirmSignUp",
    "AdminCreateUser",
    "AdminDeleteSoftwareToken",
    "AdminDeleteUser",
    "AdminDeleteUserAttributes",
    "AdminDisableProviderForUser",
    "AdminDisableUser",
    "AdminEnableUser",
    "AdminForgetDevice",
    "AdminGetDevice",
    "AdminGetUser",
    "AdminGetUserAuthFactors",
    "AdminInitiateAuth",
    "AdminLinkProviderForUser",
    "AdminListDevices",
    "AdminListGroupsForUser",
    "AdminListUserAuthEvents",
    "AdminListUserSessions",
    "AdminRemoveUserFromGroup",
    "AdminResetUserPassword",
    "AdminRespondToAuthChallenge",
    "AdminRevokeUserSession",
    "AdminSetUserMFAPreference",
    "AdminSetUserPassword",
    "AdminSetUserSettings",
    "AdminUpdateAuthEventFeedback",
    "AdminUpdateDeviceStatus",
    "AdminUpdateUserAttributes",
    "AdminUserGlobalSignOut",
    "AssociateSoftwareToken",
    "ChangePassword",
    "CompleteWebAuthnRegistration",
    "ConfirmDevice",
    "ConfirmForgotPassword",
    "ConfirmSignUp",
    "CreateGroup",
    "CreateIdentityProvider",
    "CreateManagedLoginBranding",
    "CreateResourceServer",
    "CreateTerms",
    "CreateUserImportJob",
    "CreateUserPool",
    "CreateUserPoolClient",
    "CreateUserPoolDomain",
    "CreateUserPoolReplica",
    "DeleteGroup",
    "DeleteIdentityProvider",
    "DeleteManagedLoginBranding",
    "DeleteResourceServer",
    "DeleteTerms",
    "DeleteUser",
    "DeleteUserAttributes",
    "DeleteUserPool",
    "DeleteUserPoolClient",
    "DeleteUserPoolClientSecret",
    "DeleteUserPoolDomain",
    "DeleteUserPoolReplica",
    "DeleteWebAuthnCredential",
    "DescribeIdentityProvider",
    "DescribeManagedLoginBranding",
    "DescribeManagedLoginBrandingByClient",
    "DescribeResourceServer",
    "DescribeRiskConfiguration",
    "DescribeTerms",
    "DescribeTermsByClient",
    "DescribeUserImportJob",
    "DescribeUserPool",
    "DescribeUserPoolClient",
    "DescribeUserPoolDomain",
    "ForgetDevice",
    "ForgotPassword",
    "GetCSVHeader",
    "GetClientToken",
    "GetDerivedToken",
    "GetDevice",
    "GetGroup",
    "GetIdentityProviderByIdentifier",
    "GetLogDeliveryConfiguration",
    "GetProvisionedLimit",
    "GetSigningCertificate",
    "GetTokensFromRefreshToken",
    "GetUICustomization",
    "GetUser",
    "GetUserAttributeVerificationCode",
    "GetUserAuthFactors",
    "GetUserPoolClientSessionConfiguration",
    "GetUserPoolMfaConfig",
    "GetUserPoolSessionConfiguration",
    "GlobalSignOut",
    "InitiateAuth",
    "ListDevices",
    "ListGroups",
    "ListIdentityProviders",
    "ListResourceServers",
    "ListTagsForResource",
    "ListTerms",
    "ListUserImportJobs",
    "ListUserPoolClientSecrets",
    "ListUserPoolClients",
    "ListUserPoolReplicas",
    "ListUserPools",
    "ListUserSessions",
    "ListUsers",
    "ListUsersInGroup",
    "ListWebAuthnCredentials",
    "ResendConfirmationCode",
    "RespondToAuthChallenge",
    "RevokeToken",
    "RevokeUserSession",
    "SetLogDeliveryConfiguration",
    "SetRiskConfiguration",
    "SetUICustomization",
    "SetUserMFAPreference",
    "SetUserPoolClientSessionConfiguration",
    "SetUserPoolMfaConfig",
    "SetUserPoolSessionConfiguration",
    "SetUserSettings",
    "SignUp",
    "StartUserImportJob",
    "StartWebAuthnRegistration",
    "StopUserImportJob",
    "TagResource",
    "UntagResource",
    "UpdateAuthEventFeedback",
    "UpdateDeviceStatus",
    "UpdateGroup",
    "UpdateIdentityProvider",
    "UpdateManagedLoginBranding",
    "UpdateProvisionedLimit",
    "UpdateResourceServer",
    "UpdateTerms",
    "UpdateUserAttributes",
    "UpdateUserPool",
    "UpdateUserPoolClient",
    "UpdateUserPoolDomain",
    "UpdateUserPoolReplica",
    "VerifySoftwareToken",
    "VerifyUserAttribute",
];

/// All operations of `cognito-identity` 2014-06-30, sorted.
const IDENTITY_POOL_OPERATIONS: [&str; 23] = [
    "CreateIdentityPool",
    "DeleteIdentities",
    "DeleteIdentityPool",
    "DescribeIdentity",
    "DescribeIdentityPool",
    "GetCredentialsForIdentity",
    "GetId",
    "GetIdentityPoolRoles",
    "GetOpenIdToken",
    "GetOpenIdTokenForDeveloperIdentity",
    "GetPrincipalTagAttributeMap",
    "ListIdentities",
    "ListIdentityPools",
    "ListTagsForResource",
    "LookupDeveloperIdentity",
    "MergeDeveloperIdentities",
    "SetIdentityPoolRoles",
    "SetPrincipalTagAttributeMap",
    "TagResource",
    "UnlinkDeveloperIdentity",
    "UnlinkIdentity",
    "UntagResource",
    "UpdateIdentityPool",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_both_services_is_known() {
        assert!(USER_POOL_OPERATIONS.is_sorted() && IDENTITY_POOL_OPERATIONS.is_sorted());
        for name in USER_POOL_OPERATIONS {
            let target = Target::read(&format!("AWSCognitoIdentityProviderService.{name}"));
            assert_eq!(target.name(), name);
        }
        for name in IDENTITY_POOL_OPERATIONS {
            let target = Target::read(&format!("AWSCognitoIdentityService.{name}"));
            assert!(matches!(target, Target::NotBuilt(not_built) if not_built == name));
        }
    }

    #[test]
    fn what_no_service_has_is_unknown() {
        for target in [
            "",
            ".",
            "InitiateAuth",
            "AWSCognitoIdentityProviderService",
            "AWSCognitoIdentityProviderService.",
            "AWSCognitoIdentityProviderService.initiateauth",
            "AWSCognitoIdentityProviderService.InitiateAuth ",
            "AWSCognitoIdentityProviderService.GetId",
            "AWSCognitoIdentityService.InitiateAuth",
            "DynamoDB_20120810.ListTables",
        ] {
            assert!(matches!(Target::read(target), Target::Unknown), "{target}");
        }
    }
}
