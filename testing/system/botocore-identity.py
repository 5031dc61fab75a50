"""Walks through certificates, transfers, templates and policies as one account and another, with botocore alone.

Each answer is held against the output shapes of botocore's own model, each refusal against its exception classes.

usage: botocore-identity.py ENDPOINT OTHER_KEY_ID OTHER_SECRET OTHER_ACCOUNT
"""

import json
import sys

import botocore.session
from botocore.validate import ParamValidator

endpoint, other_id, other_secret, other_account = sys.argv[1:]
session = botocore.session.Session()
iot = session.create_client("iot", endpoint_url=endpoint)
other = session.create_client(
    "iot", endpoint_url=endpoint, aws_access_key_id=other_id, aws_secret_access_key=other_secret
)
answers = 0
problems = []


def check(parsed, model, http_response, **_):
    global answers
    answers += 1
    if http_response.status_code == 200 and model.output_shape is not None:
        body = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        report = ParamValidator().validate(body, model.output_shape)
        if report.has_errors():
            problems.append(f"{model.name}: {report.generate_report()}")


for client in (iot, other):
    client.meta.events.register("after-call.iot", check)


def refused(exception, call, **members):
    try:
        call(**members)
    except exception:
        return
    problems.append(f"{members} was not refused with {exception.__name__}")


allow = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
role = "arn:aws:iam::123456789012:role/r"
hook = "arn:aws:lambda:eu-central-1:123456789012:function:f"
errors = iot.exceptions

made = iot.create_keys_and_certificate(setAsActive=False)
sent = {"certificateId": made["certificateId"]}
iot.transfer_certificate(targetAwsAccount=other_account, transferMessage="yours", **sent)
iot.describe_certificate(**sent)
iot.list_outgoing_certificates()
refused(errors.CertificateStateException, iot.delete_certificate, **sent)
other.reject_certificate_transfer(rejectReason="no", **sent)
refused(errors.TransferAlreadyCompletedException, iot.cancel_certificate_transfer, **sent)
iot.transfer_certificate(targetAwsAccount=other_account, **sent)
iot.cancel_certificate_transfer(**sent)
iot.transfer_certificate(targetAwsAccount=other_account, **sent)
other.accept_certificate_transfer(setAsActive=True, **sent)
assert other.describe_certificate(**sent)["certificateDescription"]["status"] == "ACTIVE"
refused(errors.ResourceNotFoundException, iot.describe_certificate, **sent)

body = json.dumps(
    {
        "Parameters": {"SerialNumber": {"Type": "String"}},
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
            }
        },
    }
)
iot.create_provisioning_template(
    templateName="fleet", templateBody=body, provisioningRoleArn=role, preProvisioningHook={"targetArn": hook}
)
iot.create_provisioning_template_version(templateName="fleet", templateBody=body, setAsDefault=True)
iot.describe_provisioning_template(templateName="fleet")
iot.describe_provisioning_template_version(templateName="fleet", versionId=1)
iot.list_provisioning_template_versions(templateName="fleet")
iot.update_provisioning_template(templateName="fleet", enabled=True, defaultVersionId=1)
refused(errors.DeleteConflictException, iot.delete_provisioning_template_version, templateName="fleet", versionId=1)
iot.delete_provisioning_template_version(templateName="fleet", versionId=2)
iot.delete_provisioning_template(templateName="fleet")

device = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
iot.create_policy(policyName="all", policyDocument=allow)
iot.attach_policy(policyName="all", target=device)
iot.get_effective_policies(principal=device)
tried = iot.test_authorization(
    principal=device,
    clientId="x",
    authInfos=[{"actionType": "CONNECT", "resources": ["arn:aws:iot:eu-central-1:123456789012:client/x"]}],
)
assert tried["authResults"][0]["authDecision"] == "ALLOWED"

iot.create_role_alias(roleAlias="camera", roleArn=role)
iot.describe_role_alias(roleAlias="camera")
iot.update_role_alias(roleAlias="camera", credentialDurationSeconds=1800)
iot.list_role_aliases()
refused(errors.ResourceAlreadyExistsException, iot.create_role_alias, roleAlias="camera", roleArn=role)
iot.delete_role_alias(roleAlias="camera")

iot.create_domain_configuration(domainConfigurationName="factory", domainName="devices.example.com")
iot.describe_domain_configuration(domainConfigurationName="factory")
iot.list_domain_configurations()
refused(errors.InvalidRequestException, iot.delete_domain_configuration, domainConfigurationName="factory")
iot.update_domain_configuration(domainConfigurationName="factory", domainConfigurationStatus="DISABLED")
iot.delete_domain_configuration(domainConfigurationName="factory")

iot.create_authorizer(authorizerName="open", authorizerFunctionArn=hook, signingDisabled=True)
iot.describe_authorizer(authorizerName="open")
iot.set_default_authorizer(authorizerName="open")
iot.describe_default_authorizer()
refused(errors.DeleteConflictException, iot.delete_authorizer, authorizerName="open")
iot.clear_default_authorizer()
iot.list_authorizers()
iot.delete_authorizer(authorizerName="open")

refused(errors.NotConfiguredException, iot.get_v2_logging_options)
iot.set_v2_logging_options(roleArn=role, defaultLogLevel="WARN")
iot.get_v2_logging_options()
iot.set_v2_logging_level(logTarget={"targetType": "CLIENT_ID", "targetName": "x"}, logLevel="DEBUG")
iot.list_v2_logging_levels()
iot.delete_v2_logging_level(targetType="CLIENT_ID", targetName="x")
iot.get_logging_options()

for problem in problems:
    print(problem, file=sys.stderr)
print(f"{answers} answers, {len(problems)} problems")
sys.exit(1 if problems else 0)
