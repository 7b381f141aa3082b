/** A line for the operator, said when there is something new to say. */
export interface Report {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}
