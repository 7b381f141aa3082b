/**
 * What Entra's errors mean here, and what to do about them.
 *
 * Source: Microsoft Entra "authentication and authorization error codes". Programs branch on the OAuth `error`;
 * the AADSTS number is for people, and so is this table.
 *
 * @module
 */

/** The application permission that Graph asks for; hidden in the portal's picker, so its id is needed to grant it. */
export const neededRole = 'SecurityCopilotWorkspaces.Read.All'
const neededRoleId = 'f3a4aa61-e12b-4725-9032-0d80ca254c0c'

const remedies: Readonly<Record<number, string>> = {
  50034: 'the account does not exist in this tenant: check identity.tenantId and identity.clientId',
  53003:
    'a Conditional Access policy for workload identities blocks this application: see its sign-in log in Entra',
  70011: 'the scope is not valid: check identity.authorityHost, the clouds have different scopes',
  70021:
    'no federated credential of the application matches the token: compare issuer, subject and audience with `az ad app federated-credential list --id <clientId>`',
  90002: 'there is no such tenant in this cloud: check identity.tenantId and identity.authorityHost',
  90024: 'Entra is temporarily unavailable; the gateway tries again by itself',
  90033: 'Entra is temporarily unavailable; the gateway tries again by itself',
  90055: 'Entra throttles this tenant; the gateway waits as it was asked to',
  90061: 'a request from Entra to another service failed; the gateway tries again by itself',
  90090: 'Entra is temporarily unavailable; the gateway tries again by itself',
  100007: 'regional endpoints are not for this application: identity.authorityHost must be a global one',
  500011: 'Microsoft Graph has no service principal in this tenant: check identity.tenantId',
  700016: 'no such application in this tenant: check identity.clientId and identity.tenantId',
  700024:
    'the client assertion is outside its time: check that this machine’s clock is right and that the federated token file is being renewed',
  700027:
    'the signature of the client assertion was refused: upload the certificate in use to the application, or wait until a new one has spread',
  700211:
    'no federated credential has this token’s issuer: `az ad app federated-credential update` with the `iss` of the token, to the letter',
  700212:
    'no federated credential has this token’s audience: project the token with the audience api://AzureADTokenExchange',
  700213:
    'no federated credential has this token’s subject: it must be system:serviceaccount:<namespace>:<service account>',
  7000112: 'the application is disabled in this tenant: enable its service principal',
  7000215: 'the client secret is wrong: give the secret’s value, not its id',
  7000218:
    'Entra received no credential: check identity.credential, and that no proxy strips the request’s body',
  7000222: 'the client secret has expired: make a new one and put it in place, no restart is needed',
}

/**
 * @param codes AADSTS numbers, as in `error_codes`
 * @returns what to do; empty when nothing is known about any of them
 */
export function remedyFor(codes: readonly number[]): string {
  return codes.map((code) => remedies[code]).find((remedy) => remedy !== undefined) ?? ''
}

export function roleMissingRemedy(clientId: string): string {
  return (
    `the app-only token lacks the role ${neededRole}, so Graph will refuse every read. Grant it (it is hidden in ` +
    `the portal): az rest --method POST --url "https://graph.microsoft.com/v1.0/servicePrincipals(appId='${clientId}')` +
    `/appRoleAssignments" --body '{"principalId":"<object id of this app's service principal>","resourceId":"<object ` +
    `id of Microsoft Graph's service principal>","appRoleId":"${neededRoleId}"}'. It is seen within a minute`
  )
}
