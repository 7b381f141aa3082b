/**
 * The application roles in our token: the one that Graph asks for must be there, and no other should.
 *
 * @module
 */

import type { Report } from './report.ts'

/** The application permission that Graph asks for; hidden in the portal's picker, so its id is needed to grant it. */
export const neededRole = 'SecurityCopilotWorkspaces.Read.All'
const neededRoleId = 'f3a4aa61-e12b-4725-9032-0d80ca254c0c'
/** Microsoft Graph, in every tenant. */
const graphAppId = '00000003-0000-0000-c000-000000000000'
const servicePrincipals = 'https://graph.microsoft.com/v1.0/servicePrincipals'

/** Who asks Graph: the application, and how it proves to be that. */
export interface Asker {
  readonly clientId: string
  readonly credential: { readonly type: string }
}

/** A token without the role is replaced every minute; the same words each time would bury others. */
const repeatMs = 10 * 60_000

/** What there is to say of the roles of each new token: nothing, as long as it has been said. */
export function createRoleReports(
  asker: Asker,
  monotonic: () => number,
): (roles: readonly string[]) => readonly Report[] {
  let missingAmong: string | undefined
  let missingSaidAt = 0
  let excessSaid = ''

  function missing(roles: readonly string[]): readonly Report[] {
    if (roles.includes(neededRole)) {
      missingAmong = undefined
      return []
    }
    const among = roles.toSorted().join(' ')
    if (among === missingAmong && monotonic() - missingSaidAt < repeatMs) return []
    missingAmong = among
    missingSaidAt = monotonic()
    return [{ level: 'error', fields: { roles }, message: roleMissingRemedy(asker) }]
  }

  function excess(roles: readonly string[]): readonly Report[] {
    const needless = [...new Set(roles)].filter((role) => role !== neededRole).toSorted()
    const names = needless.join(', ')
    if (names === excessSaid) return []
    excessSaid = names
    if (names === '') return []
    return [{ level: 'warn', fields: { roles: needless }, message: excessRemedy(names, asker.clientId) }]
  }

  return (roles) => [...missing(roles), ...excess(roles)]
}

export function roleMissingRemedy({ clientId, credential }: Asker): string {
  const idOf = (appId: string): string => `'"$(az ad sp show --id ${appId} --query id -o tsv)"'`
  return (
    `the app-only token lacks the role ${neededRole}, so Graph will refuse every read. Grant it (it is hidden in ` +
    `the portal): az rest --method POST --url "${servicePrincipals}(appId='${clientId}')/appRoleAssignments" ` +
    `--body '{"principalId":"${idOf(clientId)}","resourceId":"${idOf(graphAppId)}","appRoleId":"${neededRoleId}"}'. ` +
    (credential.type === 'managed'
      ? 'IMDS keeps the token of a managed identity for up to 24 hours and gives the same one until then, so it may take that ' +
        'long until the grant is seen; a restart of the gateway changes nothing'
      : 'It is seen within a minute, without a restart')
  )
}

function excessRemedy(names: string, clientId: string): string {
  return (
    `the app-only token may do more than the gateway needs: ${names}. Whoever got hold of it could too: keep ` +
    `${neededRole} alone. az rest --url "${servicePrincipals}(appId='${clientId}')/appRoleAssignments" lists what is ` +
    `granted, and az rest --method DELETE --url "${servicePrincipals}(appId='${graphAppId}')/appRoleAssignedTo/<id>" ` +
    'removes one (or in the portal: Enterprise applications, Permissions)'
  )
}
