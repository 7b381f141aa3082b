import { GatewayError } from '../errors.ts'

/** What was asked cannot be understood, or may not be asked this way. */
export class InvalidRequest extends GatewayError {
  override readonly code = 'invalidRequest'
  override readonly status = 400
  override readonly proxyError = 'http_request_error'
}

/** The gateway serves nothing at this path. Says nothing about what Graph has there. */
export class UnknownResource extends GatewayError {
  override readonly code = 'unknownPath'
  override readonly status = 404
  override readonly proxyError = 'http_request_error'

  constructor(hint = '') {
    super(
      'This gateway serves GET /beta/security/securityCopilot/workspaces/{workspaceId}/sessions/{sessionId}, ' +
        'the lists, prompts and evaluations that Microsoft Graph documents around it, and nothing else' +
        (hint === '' ? '.' : `; ${hint}`),
    )
  }
}

/** Nothing can be purged by this path. */
export class UnknownPurge extends GatewayError {
  override readonly code = 'unknownPath'
  override readonly status = 404
  override readonly proxyError = 'http_request_error'

  constructor() {
    super(
      'What can be purged is /cache, /cache/workspaces/{workspaceId} and' +
        ' /cache/workspaces/{workspaceId}/sessions/{sessionId}.',
    )
  }
}
