// Puts simulations to @cloud-copilot/iam-simulate, an implementation of IAM's rules that is independent of ours.
//
// Standard input: a JSON list of its `Simulation` objects. Standard output: for each `{result, ignored}` with `Allowed`,
// `ImplicitlyDenied` or `ExplicitlyDenied` and the condition keys that it would not look at, or `{errors}` for what it
// would not simulate. Session policies and actions without a resource are only known to the way that checks its input.
import { text } from 'node:stream/consumers'
import { createValidatedPolicy } from '@cloud-copilot/iam-policy'
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const judge = async (simulation) => {
  if (simulation.sessionPolicy === undefined && simulation.request.resource.resource !== '*') {
    if (simulation.resourcePolicy) {
      // 0.1.173 takes a resource policy here only when it is wrapped: it asks for the wrapper's name.
      simulation.resourcePolicy = createValidatedPolicy(simulation.resourcePolicy, () => [], { name: 'resource' })
    }
    return { result: runUnsafeSimulation(simulation, {}), ignored: [] }
  }
  const { resultType, overallResult, result, errors } = await runSimulation(simulation, {})
  return resultType === 'error' ? { errors } : { result: overallResult, ignored: result.ignoredContextKeys }
}

const results = []
for (const simulation of JSON.parse(await text(process.stdin))) results.push(await judge(simulation))
process.stdout.write(JSON.stringify(results))
