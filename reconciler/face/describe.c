/* describe: everything that is known of one object, for somebody who wonders why it is as it is: what is
 * wanted and which line asks for it, what is there, what differs, its disks layer by layer with who has them,
 * its conditions, what apply would do. */
#include "face/graph.h"
#include "face/log.h"
#include "face/plan_print.h"
#include "face/session.h"
#include "face/status_print.h"
#include "face/wording.h"
#include <inttypes.h>
#include <string.h>

/* The object, from all sides; what is not there is NULL. */
struct described {
	const char *object;
	const struct object *subject;
	const struct wanted_domain *domain;
	const struct wanted_volume *volume;
	const struct HaveDomain *have_domain;
	const struct HaveVolume *have_volume;
	const struct HaveImage *have_image;
	const char *image; /* its name, if it is one */
	const struct change *change;
	const struct object_status *status;
	struct graph graph; /* its volumes: itself, those of its disks, those on the image */
};

static void find_have(
	const struct session *session, struct described *described, enum kind kind, const char *name)
{
	const struct have *have = session->have;
	char uid[UID_SIZE];

	if (kind == KIND_DOMAIN) {
		uid_of(session->owner, kind_name[kind], name, uid);
		described->have_domain = have_domain(have, described->domain ? described->domain->uid : uid);
		if (!described->have_domain && !described->domain)
			described->have_domain = have_domain_named(have, name);
	} else if (kind == KIND_VOLUME) {
		uid_of(session->owner, kind_name[kind], name, uid);
		described->have_volume = have_volume(have, described->volume ? described->volume->uid : uid);
		for (uint32_t i = 0; !described->have_volume && i < have->found->volumes.count; i++) {
			struct HaveVolume *volume = have->found->volumes.item[i];

			if (text_equal(volume->name, name))
				described->have_volume = volume;
		}
	} else if (kind == KIND_IMAGE) {
		described->have_image = have_image(have, name);
	}
}

/* An inline volume is known by its name only. */
static const struct wanted_volume *volume_named(const struct want *want, const char *name)
{
	for (uint32_t i = 0; i < want->volumes.count; i++) {
		const struct wanted_volume *volume = want->volumes.item[i];

		if (strcmp(volume->name, name) == 0)
			return volume;
	}
	return NULL;
}

/* The inline volumes of a domain that no wanted disk of it is any more. */
static void find_leftover_volumes(const struct session *session, struct described *described)
{
	const char *uid = described->domain        ? described->domain->uid
			  : described->have_domain ? described->have_domain->uuid
						   : NULL;
	uint32_t count = 0;
	const struct index_entry *volumes = uid ? have_volumes_of(session->have, uid, &count) : NULL;

	for (uint32_t i = 0; i < count; i++) {
		const struct HaveVolume *volume = volumes[i].item;

		if (!want_volume(session->want, volume->uid))
			graph_add_volume(&described->graph, NULL, volume);
	}
}

static void find_volumes(
	const struct session *session, struct described *described, enum kind kind, const char *name)
{
	const struct list *volumes = &session->have->found->volumes;

	if (described->volume || described->have_volume)
		graph_add_volume(&described->graph, described->volume, described->have_volume);
	for (uint32_t i = 0; described->domain && i < described->domain->disks.count; i++) {
		const struct wanted_disk *disk = described->domain->disks.item[i];

		if (disk->volume)
			graph_add_volume(&described->graph, disk->volume,
				have_volume(session->have, disk->volume->uid));
	}
	if (kind == KIND_DOMAIN)
		find_leftover_volumes(session, described);
	if (kind != KIND_IMAGE)
		return;
	graph_add_image(&described->graph, name);
	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct HaveVolume *volume = volumes->item[i];

		if (graph_stands_on(volume, name))
			graph_add_volume(&described->graph, want_volume(session->want, volume->uid), volume);
	}
}

static bool find(const struct session *session, const struct plan *plan, const struct list *statuses,
	struct described *described)
{
	const char *name = wording_name(described->object);
	char word[16] = "";
	int kind;

	snprintf(word, sizeof word, "%.*s", (int)(name - described->object - 1), described->object);
	kind = choice_find(kind_name, word);
	if (kind < 0)
		return false;
	described->subject = want_object(session->want, (enum kind)kind, name);
	if (kind == KIND_DOMAIN)
		described->domain = want_domain(session->want, name);
	if (kind == KIND_VOLUME)
		described->volume = volume_named(session->want, name);
	if (kind == KIND_IMAGE)
		described->image = name;
	find_have(session, described, (enum kind)kind, name);
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];

		if (strcmp(change->object, described->object) == 0)
			described->change = change;
	}
	for (uint32_t i = 0; i < statuses->count; i++) {
		const struct object_status *status = statuses->item[i];

		if (strcmp(status->object, described->object) == 0)
			described->status = status;
	}
	described->graph = graph_begin(session->arena, session->want, session->have);
	find_volumes(session, described, (enum kind)kind, name);
	graph_add_users(&described->graph);
	return described->subject || described->volume || described->have_domain || described->have_volume ||
	       described->have_image || described->change ||
	       (described->image && described->graph.volumes.count);
}

/* One line per set field, with the place that it came from: depth first, lists by key. */
static void field_lines(FILE *out, const struct type *type, const void *object, const char *prefix);

static void entry_lines(FILE *out, const struct field *field, const struct list *list, const char *path)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const void *entry = list->item[i];
		const struct field *key = field->of->key ? type_field(field->of, field->of->key) : NULL;
		BUFFER_SCOPED text = {0};

		buffer_format(&text, "%s[", path);
		if (key && *field_mark(field->of, type_index(field->of, key->key), entry))
			value_text(&text, key, field_value(key, entry));
		else
			buffer_format(&text, "%" PRIu32, i);
		buffer_char(&text, ']');
		field_lines(out, field->of, entry, buffer_string(&text));
	}
}

static void field_lines(FILE *out, const struct type *type, const void *object, const char *prefix)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		const struct mark *mark = *field_mark(type, i, object);
		const void *value = field_value(field, object);
		BUFFER_SCOPED path = {0};

		if (!mark)
			continue;
		buffer_format(&path, "%s%s%s", prefix, *prefix ? "." : "", field->key);
		if (field->shape == SHAPE_One && *(void *const *)value) {
			field_lines(out, field->of, *(void *const *)value, buffer_string(&path));
		} else if (field->shape == SHAPE_Many) {
			entry_lines(out, field, value, buffer_string(&path));
		} else {
			ARENA_SCOPED arena = arena_new();
			const char *place = mark_text(arena, mark);
			BUFFER_SCOPED text = {0};

			value_text(&text, field, value);
			fprintf(out, "  %-28s  %s%s%s\n", buffer_string(&path), buffer_string(&text),
				place ? "  # " : "", place ? place : "");
		}
	}
}

static void have_lines(FILE *out, const struct described *described)
{
	if (described->have_domain)
		field_lines(out, &type_HaveDomain, described->have_domain, "");
	else if (described->have_volume)
		field_lines(out, &type_HaveVolume, described->have_volume, "");
	else if (described->have_image)
		field_lines(out, &type_HaveImage, described->have_image, "");
	else
		fputs("  nothing\n", out);
}

static void describe_text(FILE *out, const struct described *described)
{
	const struct change *change = described->change;

	fprintf(out, "%s\n", described->object);
	if (described->status) {
		fputs("\nConditions:\n", out);
		for (int kind = 0; kind < CONDITIONS; kind++)
			status_text_condition(out, "  ", described->status, (enum condition_kind)kind);
	}
	fputs("\nWant:\n", out);
	if (described->subject && described->subject->body)
		field_lines(out, kind_type(described->subject->kind), described->subject->body, "");
	else
		fputs("  nothing\n", out);
	fputs("\nHave:\n", out);
	have_lines(out, described);
	if (described->image) {
		fputs("\nVolumes on it:\n", out);
		graph_text_image(out, &described->graph, described->image);
	} else if (described->graph.volumes.count) {
		fputs("\nDisks:\n", out);
		graph_text(out, &described->graph);
	}
	if (change) {
		BUFFER_SCOPED text = {0};

		wording_change(&text, change);
		fprintf(out, "\nPlan: %s\n", buffer_string(&text));
		for (uint32_t i = 0; i < change->difference_count; i++) {
			BUFFER_SCOPED sides = {0};

			wording_difference(&sides, &change->differences[i]);
			fprintf(out, "  %-28s  %s (%s%s)\n", change->differences[i].path,
				buffer_string(&sides), choice_level[change->differences[i].effect],
				change->difference_allowed[i] ? "" : ", not allowed");
		}
		for (uint32_t i = 0; i < change->actions.count; i++)
			fprintf(out, "  - %s\n", ((const struct action *)change->actions.item[i])->text);
	}
}

static void have_json(struct json *json, const struct described *described)
{
	if (described->have_domain)
		object_json(json, "have", &type_HaveDomain, described->have_domain);
	else if (described->have_volume)
		object_json(json, "have", &type_HaveVolume, described->have_volume);
	else if (described->have_image)
		object_json(json, "have", &type_HaveImage, described->have_image);
	else
		json_null(json, "have");
}

static void volumes_json(struct json *json, const struct described *described)
{
	json_open_array(json, "volumes");
	for (uint32_t i = 0; i < described->graph.volumes.count; i++) {
		const struct graph_volume *volume = described->graph.volumes.item[i];

		json_open_object(json, NULL);
		json_text(json, "name", volume->name);
		json_text(json, "uid", volume->want ? volume->want->uid : volume->have->uid);
		if (volume->want)
			value_json(json, "want", type_field(&type_VolumeSpec, "chain"), &volume->want->chain);
		else
			json_null(json, "want");
		if (volume->have)
			object_json(json, "have", &type_HaveVolume, volume->have);
		else
			json_null(json, "have");
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void describe_json(struct json *json, const struct session *session, const struct described *described)
{
	const struct change *change = described->change;
	static const struct list none = {0};

	json_open_object(json, NULL);
	json_int(json, "formatVersion", 1);
	json_text(json, "object", described->object);
	json_text(json, "at", described->subject ? mark_text(session->arena, described->subject->at) : NULL);
	if (described->subject && described->subject->body)
		object_json(json, "want", kind_type(described->subject->kind), described->subject->body);
	else
		json_null(json, "want");
	have_json(json, described);
	volumes_json(json, described);
	graph_json(json, "graph", &described->graph);
	if (described->status)
		status_json_conditions(json, "conditions", described->status, NULL);
	json_text(json, "change", change ? change_name[change->kind] : NULL);
	json_text(json, "reason", change ? change->reason : NULL);
	json_open_array(json, "fields");
	for (uint32_t i = 0; change && i < change->difference_count; i++)
		plan_json_difference(json, &change->differences[i], change->difference_allowed[i]);
	json_close(json, ']');
	plan_json_actions(json, "actions", change ? &change->actions : &none);
	json_null(json, "lastActions");
	json_close(json, '}');
	json_end(json);
}

static enum exit_code describe(struct session *session, const struct plan *plan, const char *object)
{
	struct list statuses = status_of(session->arena, session->want, session->have, plan);
	struct described described = {.object = object};
	struct json json = json_to_file(stdout, true);

	if (!find(session, plan, &statuses, &described))
		return session_no_object(session, object);
	if (session->options->output == OUTPUT_JSON)
		describe_json(&json, session, &described);
	else
		describe_text(stdout, &described);
	return session->broken || !session->have->known ? EXIT_ERROR : EXIT_DONE;
}

enum exit_code command_describe(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	struct options *options = &invocation->options;
	const char *object = options->operands[0];
	enum exit_code code;
	struct plan *plan;

	if (!strchr(object, '/'))
		return command_refuse(invocation, "'%s' is no KIND/NAME, such as Domain/web-1", object);
	code = session_open(&session, false);
	if (code != EXIT_DONE)
		return code;
	session_load(&session, options->operands + 1, options->operand_count - 1);
	session_observe(&session);
	plan = plan_make(session.want, session.have, &(struct plan_options){.prune = true}, session.report);
	code = describe(&session, plan, object);
	plan_free(plan);
	return code;
}
