"""Asks a control plane for one answer of each kind and holds it against the output shapes of botocore's own model.

usage: botocore-answers.py ENDPOINT POLICY_FILE
"""

import sys

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

endpoint, policy_file = sys.argv[1:]
iot = botocore.session.Session().create_client("iot", endpoint_url=endpoint)
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


iot.meta.events.register("after-call.iot", check)

with open(policy_file, encoding="utf-8") as file:
    document = file.read()

iot.create_thing(thingName="boto", attributePayload={"attributes": {"hall": "3"}})
iot.describe_thing(thingName="boto")
iot.update_thing(thingName="boto", attributePayload={"attributes": {"hall": "4"}, "merge": True})
iot.list_things(attributeName="hall", attributeValue="4")
made = iot.create_keys_and_certificate(setAsActive=True)
iot.describe_certificate(certificateId=made["certificateId"])
iot.list_certificates(pageSize=1, ascendingOrder=True)
iot.create_thing_type(thingTypeName="boto", thingTypeProperties={"searchableAttributes": ["hall"]})
iot.describe_thing_type(thingTypeName="boto")
iot.list_thing_types()
iot.create_billing_group(billingGroupName="boto", tags=[{"Key": "a", "Value": "1"}])
iot.add_thing_to_billing_group(billingGroupName="boto", thingName="boto")
iot.describe_billing_group(billingGroupName="boto")
iot.list_billing_groups()
group = iot.create_thing_group(thingGroupName="boto", tags=[{"Key": "a", "Value": "1"}])
iot.create_thing_group(thingGroupName="boto-child", parentGroupName="boto")
iot.describe_thing_group(thingGroupName="boto-child")
iot.list_thing_groups(parentGroup="boto", recursive=True)
iot.add_thing_to_thing_group(thingGroupName="boto-child", thingName="boto")
iot.list_things_in_thing_group(thingGroupName="boto", recursive=True)
iot.list_thing_groups_for_thing(thingName="boto")
iot.list_tags_for_resource(resourceArn=group["thingGroupArn"])
iot.describe_event_configurations()
iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
iot.get_indexing_configuration()
iot.list_indices()
iot.describe_index(indexName="AWS_Things")
iot.search_index(queryString="attributes.hall:4 AND thingGroupNames:boto-child")
iot.get_statistics(queryString="thingName:bo*", aggregationField="attributes.hall")
iot.create_dynamic_thing_group(thingGroupName="boto-dynamic", queryString="attributes.hall:4")
iot.describe_thing_group(thingGroupName="boto-dynamic")
iot.create_policy(policyName="boto", policyDocument=document)
iot.get_policy(policyName="boto")
iot.list_policies()
iot.create_policy_version(policyName="boto", policyDocument=document)
iot.get_policy_version(policyName="boto", policyVersionId="2")
iot.list_policy_versions(policyName="boto")
iot.attach_policy(policyName="boto", target=made["certificateArn"])
iot.list_attached_policies(target=made["certificateArn"])
iot.list_targets_for_policy(policyName="boto")
iot.list_principal_policies(principal=made["certificateArn"])
iot.attach_thing_principal(thingName="boto", principal=made["certificateArn"])
iot.list_thing_principals(thingName="boto")
iot.list_principal_things(principal=made["certificateArn"])
iot.get_registration_code()
iot.list_ca_certificates()
iot.describe_endpoint()
iot.detach_thing_principal(thingName="boto", principal=made["certificateArn"])
iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
iot.delete_certificate(certificateId=made["certificateId"], forceDelete=True)
iot.delete_thing(thingName="boto")
try:
    iot.describe_thing(thingName="boto")
    problems.append("DescribeThing: a deleted thing was described")
except iot.exceptions.ResourceNotFoundException:
    pass
try:
    iot.create_policy(policyName="boto", policyDocument=document)
    problems.append("CreatePolicy: a policy was created twice")
except iot.exceptions.ResourceAlreadyExistsException as error:
    if not error.response["resourceArn"].endswith(":policy/boto"):
        problems.append("CreatePolicy: resourceArn is missing")
except ClientError as error:
    problems.append(f"CreatePolicy: {error}")

for problem in problems:
    print(problem, file=sys.stderr)
print(f"{answers} answers, {len(problems)} problems")
sys.exit(1 if problems else 0)
