/* Sentences for people, made from plans and objects. Nothing here decides: a word says what plan and diff
 * found. */
#include "face/wording.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

const char *wording_mark(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_CREATE:
		return "+";
	case CHANGE_LIVE:
	case CHANGE_REATTACH:
		return "~";
	case CHANGE_RECREATE:
		return "-/+";
	case CHANGE_DESTROY:
		return "-";
	case CHANGE_UNKNOWN:
		return "?";
	case CHANGE_BLOCKED:
		if (change->blast == level_recreate)
			return "-/+";
		return change->blast >= level_destroy && !change->subject ? "-" : "!";
	default:
		return "!";
	}
}

void wording_change(struct buffer *out, const struct change *change)
{
	bool done = change->kind != CHANGE_BLOCKED && change->kind != CHANGE_UNKNOWN;
	/* "restart required (not allowed: ...)" says itself that it is not done */
	bool speaks =
		change->kind == CHANGE_BLOCKED && change->reason && strstr(change->reason, " required (");

	if (!speaks)
		buffer_text(out, change_name[change->kind]);
	if (!speaks && change->reason)
		buffer_text(out, done ? "; " : ": ");
	if (change->reason)
		buffer_escaped(out, change->reason, strlen(change->reason), 1000);
	/* what is stopped is told for those who may consent to it */
	if (change->detail)
		buffer_format(out, "; %s%s", done || change->subject ? "" : "the removal ", change->detail);
}

const char *wording_path(const char *path)
{
	return text_starts(path, "spec.") ? path + strlen("spec.") : path;
}

const char *wording_name(const char *object)
{
	const char *slash = strchr(object, '/');

	return slash ? slash + 1 : object;
}

const char *wording_size(int64_t bytes, char out[32])
{
	static const struct {
		const char *name;
		int64_t factor;
	} units[] = {{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (bytes < units[i].factor || bytes % units[i].factor == 0)
			continue;
		const double number = (double)bytes / (double)units[i].factor;
		const int64_t tenths = (int64_t)(number * 10 + 0.5);
		snprintf(out, 32, tenths % 10 ? "%.1f%s" : "%.0f%s", (double)tenths / 10, units[i].name);
		return out;
	}
	return size_text(bytes, out);
}

const char *wording_time(int64_t seconds, char out[32])
{
	time_t moment = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&moment, &utc) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc))
		snprintf(out, 32, "%" PRId64, seconds);
	return out;
}

static bool needs_quotes(const char *text)
{
	return !*text || strpbrk(text, " \"'\t");
}

static void quoted(struct buffer *out, const char *text)
{
	buffer_char(out, '"');
	buffer_escaped(out, text, strlen(text), 200);
	buffer_char(out, '"');
}

/* One side of a difference. An entry of a list that is there on one side only is shown as what it is. */
static void difference_side(
	struct buffer *out, const struct difference *difference, const void *value, bool quotes)
{
	if (value && difference->field->of == &type_Layer)
		wording_chain(out, value);
	else if (value && quotes)
		quoted(out, *(const char *const *)value);
	else
		value_text(out, difference->field, value);
}

void wording_difference(struct buffer *out, const struct difference *difference)
{
	const void *have = difference->have, *want = difference->want;
	bool text = difference->field->shape == SHAPE_Text;
	bool quotes = text && ((have && needs_quotes(*(const char *const *)have)) ||
				      (want && needs_quotes(*(const char *const *)want)));

	if (difference->unknown) {
		buffer_text(out, "not known");
		/* a whole object on one line says nothing */
		if (difference->field->shape == SHAPE_One || difference->field->shape == SHAPE_Many)
			return;
	} else {
		difference_side(out, difference, have, quotes);
	}
	buffer_text(out, " -> ");
	difference_side(out, difference, want, quotes);
}

/* Every set field of a layer, without their keys: "vg0 20GiB". */
static void layer_fields(struct buffer *out, const struct type *type, const void *layer)
{
	for (int i = 0; i < type->count; i++) {
		if (!*field_mark(type, i, layer))
			continue;
		buffer_char(out, ' ');
		value_text(out, &type->fields[i], field_value(&type->fields[i], layer));
	}
}

static void wording_layer(struct buffer *out, const struct Layer *layer)
{
	char size[32];

	if (layer->at[Layer_overlay]) {
		buffer_text(out, "overlay qcow2");
		if (layer->overlay->at[OverlayLayer_size])
			buffer_format(out, " %s", size_text(layer->overlay->size, size));
		return;
	}
	if (layer->at[Layer_file]) {
		buffer_format(out, "file %s %s", choice_disk_format[layer->file->format],
			size_text(layer->file->size, size));
		return;
	}
	for (int i = 0; i < type_Layer.count; i++) {
		if (!layer->at[i])
			continue;
		buffer_text(out, type_Layer.fields[i].key);
		layer_fields(
			out, type_Layer.fields[i].of, *(void **)field_value(&type_Layer.fields[i], layer));
	}
}

void wording_chain(struct buffer *out, const struct list *chain)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		if (i)
			buffer_text(out, " <- ");
		wording_layer(out, chain->item[i]);
	}
}

void wording_domain(struct buffer *out, const struct wanted_domain *domain)
{
	const struct DomainSpec *spec = domain->spec;
	char size[32];

	buffer_format(out, "%s, %s, %" PRId64 " vcpu%s", choice_domain_type[spec->type],
		size_text(spec->memory, size), spec->vcpus, spec->vcpus == 1 ? "" : "s");
	for (uint32_t i = 0; i < spec->disks.count; i++)
		buffer_format(out, ", %s", ((const struct Disk *)spec->disks.item[i])->vdev);
	for (uint32_t i = 0; i < spec->nics.count; i++)
		buffer_format(out, ", %s", ((const struct Nic *)spec->nics.item[i])->bridge);
}

void wording_config(struct buffer *out, const struct wanted_config *config)
{
	buffer_format(out, "%s, %s", choice_config_format[config->spec->format], config->spec->vdev);
	for (uint32_t i = 0; i < config->files.count; i++)
		buffer_format(out, ", %s", ((const struct config_file *)config->files.item[i])->name);
}
