// Reads JSON lines of SNS messages from standard input and tells for each whether sns-validator takes it, under the host
// pattern that is the first argument.
import { createInterface } from "node:readline";
import MessageValidator from "sns-validator";

const validator = new MessageValidator(new RegExp(process.argv[2]), "utf8");
for await (const line of createInterface({ input: process.stdin })) {
  const verdict = await new Promise((resolve) =>
    validator.validate(JSON.parse(line), (error) => resolve(error ? error.message : "valid")),
  );
  console.log(verdict);
}
