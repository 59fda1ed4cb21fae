// The AWS SDK for JavaScript v3 against the endpoint in AWS_ENDPOINT_URL. Prints one JSON object of what it saw.
import { DecryptCommand, EncryptCommand, KMSClient, CreateKeyCommand } from "@aws-sdk/client-kms";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  paginateListSecrets,
} from "@aws-sdk/client-secrets-manager";
import {
  DeleteParameterCommand,
  GetParameterCommand,
  ParameterNotFound,
  PutParameterCommand,
  SSMClient,
  paginateGetParametersByPath,
} from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const seen = {};

seen.account = (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Account;

const secrets = new SecretsManagerClient({});
const created = await secrets.send(new CreateSecretCommand({ Name: "js/secret", SecretString: "one" }));
await secrets.send(new PutSecretValueCommand({ SecretId: created.ARN, SecretBinary: new Uint8Array([0, 1, 255]) }));
const current = await secrets.send(new GetSecretValueCommand({ SecretId: "js/secret" }));
seen.binary = Array.from(current.SecretBinary);
seen.createdIsDate = current.CreatedDate instanceof Date;
seen.previous = (
  await secrets.send(new GetSecretValueCommand({ SecretId: "js/secret", VersionStage: "AWSPREVIOUS" }))
).SecretString;
for (let n = 0; n < 5; n++) await secrets.send(new CreateSecretCommand({ Name: `js/many/${n}`, SecretString: "x" }));
seen.listed = [];
for await (const page of paginateListSecrets({ client: secrets, pageSize: 2 }, { SortBy: "name", SortOrder: "asc" }))
  seen.listed.push(...page.SecretList.map((s) => s.Name));
await secrets.send(new DeleteSecretCommand({ SecretId: "js/secret", ForceDeleteWithoutRecovery: true }));
try {
  await secrets.send(new DescribeSecretCommand({ SecretId: "js/secret" }));
} catch (error) {
  seen.secretError = { name: error.name, message: error.message, status: error.$metadata.httpStatusCode };
}

const ssm = new SSMClient({});
for (let n = 0; n < 12; n++)
  await ssm.send(new PutParameterCommand({ Name: `/js/${n}`, Value: `v${n}`, Type: "SecureString" }));
seen.parameters = {};
for await (const page of paginateGetParametersByPath({ client: ssm }, { Path: "/js", WithDecryption: true }))
  for (const parameter of page.Parameters) seen.parameters[parameter.Name] = parameter.Value;
await ssm.send(new DeleteParameterCommand({ Name: "/js/0" }));
try {
  await ssm.send(new GetParameterCommand({ Name: "/js/0" }));
} catch (error) {
  seen.parameterNotFound = error instanceof ParameterNotFound;
}

const kms = new KMSClient({});
const key = await kms.send(new CreateKeyCommand({}));
const sealed = await kms.send(
  new EncryptCommand({ KeyId: key.KeyMetadata.KeyId, Plaintext: Buffer.from("hello"), EncryptionContext: { a: "b" } }),
);
const opened = await kms.send(
  new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: { a: "b" } }),
);
seen.opened = Buffer.from(opened.Plaintext).toString();

console.log(JSON.stringify(seen));
