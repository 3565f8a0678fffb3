/* In comes an observation, out goes its JSON by the field tables. What must not be in it is taken out of
 * shallow copies of the two structs that hold it. */
#include "face/snapshot_json.h"

void snapshot_json(struct json *json, const struct have *have, bool with_free)
{
	struct Observation shown = *have->found;
	struct HostFacts host;

	shown.at[Observation_files] = NULL;
	if (shown.at[Observation_host] && shown.host && !with_free) {
		host = *shown.host;
		host.at[HostFacts_free] = NULL;
		shown.host = &host;
	}
	KNOW(&shown, Observation, apiVersion, "xensteer/v1");
	KNOW(&shown, Observation, kind, "Observation");
	object_json(json, NULL, &type_Observation, &shown);
}

void snapshot_serial(const struct have *have, char out[65])
{
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, false);

	snapshot_json(&json, have, false);
	text_sha256(text.text, text.size, out);
}
