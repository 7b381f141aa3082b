import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createRetryBudget } from '../../src/graph/index.ts'

test('there is never more than one retry for ten calls, and ten, whatever comes when', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('call' as const, 'retry' as const), { maxLength: 500 }), (asked) => {
      const budget = createRetryBudget()
      let calls = 0
      let made = 0
      for (const each of asked) {
        if (each === 'call') {
          budget.called()
          calls += 1
        } else if (budget.take()) made += 1
        assert.ok(made <= 10 + calls / 10, `${made} of ${calls}`)
      }
    }),
  )
})

test('a retry that was not made can be made later, and once', () => {
  const budget = createRetryBudget()
  while (budget.take());
  budget.giveBack()
  assert.equal(budget.take(), true)
  assert.equal(budget.take(), false)
})

test('nobody saves up more than ten', () => {
  const budget = createRetryBudget()
  for (let calls = 0; calls < 1_000; calls += 1) budget.called()
  let made = 0
  while (budget.take()) made += 1
  assert.equal(made, 10)
})
