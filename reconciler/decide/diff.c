/* diff: WANT and HAVE of one object go in, field-level differences come out, each with its effect and its
 * mark.
 *
 * The walk follows the tables: fields whose role is compared, and of those only the ones that the author set
 * or that have a default. A field that HAVE does not know is a difference only where the author set it, and
 * then an unknown one. Lists of disks and nics are matched by key in diff_list.c. */
#include "decide/diff_list.h"
#include "model/action.h"
#include "model/cpus.h"
#include "model/effect.h"
#include <string.h>

struct difference *difference_add(const struct diffing *diffing, const char *path, const struct field *field)
{
	struct difference *difference = arena_make(diffing->arena, struct difference);
	difference->path = path;
	difference->field = field;
	list_add(diffing->arena, diffing->out, difference);
	return difference;
}

/* Why a difference that could be made live is not: this driver cannot, or the host has no such cpu. */
static void refuse_what_cannot_be_done(const struct diffing *diffing, struct difference *difference)
{
	const struct HostFacts *host = diffing->have->found->host;
	if (difference->effect == level_live && difference->verb != verb_none &&
		!have_can(diffing->have, difference->verb))
		difference->refused = arena_format(diffing->arena,
			"changing %s of a guest that runs (%s) is not yet supported on this host",
			difference->path, verb_table[difference->verb].verb);
	else if (difference->verb == verb_domain_set_cpus && KNOWN(host, HostFacts, cpus) &&
		 !cpus_any(*(const char *const *)difference->want, host->cpus))
		difference->refused = arena_format(diffing->arena, "the host has no cpu of %s, only %lld",
			*(const char *const *)difference->want, (long long)host->cpus);
}

/* The keys from "spec" down to an object; put together only for what differs. */
struct keys {
	const struct keys *up;
	const char *key;
};

static const char *keys_text(struct arena *arena, const struct keys *keys)
{
	return keys->up ? arena_format(arena, "%s.%s", keys_text(arena, keys->up), keys->key) : keys->key;
}

static void diff_fields(const struct diffing *diffing, const struct type *type, const struct keys *keys,
	const void *want, const void *have, const struct mark *nearest, enum verb verb);

/* Did its author once set this field, or one within it? Our record knows. */
static bool was_set(const struct diffing *diffing, const struct keys *keys)
{
	const struct Record *record = diffing->found->mark;
	if (!record || !record->set.count)
		return false;
	const char *path = keys_text(diffing->arena, keys);
	for (uint32_t i = 0; i < record->set.count; i++) {
		const char *set = record->set.item[i];
		const char *rest = text_starts(set, path) ? set + strlen(path) : NULL;
		if (rest && (!*rest || *rest == '.'))
			return true;
	}
	return false;
}

/* cpus that the host does not have make no difference. */
static bool is_same(
	const struct diffing *diffing, const struct field *field, const void *want, const void *have)
{
	if (field != &type_DomainSpec.fields[DomainSpec_cpus])
		return value_equal(field, want, have);
	const struct HostFacts *host = diffing->have->found->host;
	return cpus_equal(*(const char *const *)want, *(const char *const *)have,
		KNOWN(host, HostFacts, cpus) ? host->cpus : 0);
}

static void diff_field(const struct diffing *diffing, const struct type *type, int index,
	const struct keys *up, const void *want, const void *have, const struct mark *nearest, enum verb verb)
{
	const struct field *field = &type->fields[index];
	const struct mark *set = *field_mark(type, index, want);
	const bool known = have && *field_mark(type, index, have);
	/* a map without a default is empty where it is taken out: our record knows what it held */
	const bool has_default = (field->has_default && !field->at_create) || field->shape == SHAPE_Map;
	const struct keys keys = {.up = up, .key = field->key};
	if (!set && (!known || (field->once_set ? !was_set(diffing, &keys) : !has_default)))
		return;
	const void *wanted = field_value(field, want); /* the default where it is not set */
	const void *found = known ? field_value(field, have) : NULL;
	if (field->shape == SHAPE_One && known && *(void *const *)found) {
		const void *inner = *(void *const *)wanted;
		if (!inner && field->once_set)
			inner = type_new(diffing->arena, field->of); /* nothing but defaults */
		if (inner) {
			diff_fields(diffing, field->of, &keys, inner, *(void *const *)found,
				set ? set : nearest, field->verb ? field->verb : verb);
			return;
		}
	}
	if (known && is_same(diffing, field, wanted, found))
		return;
	struct difference *difference = difference_add(diffing, keys_text(diffing->arena, &keys), field);
	difference->want = wanted;
	difference->have = found;
	difference->at = set ? set : nearest;
	difference->unknown = !known;
	difference->verb = field->verb ? field->verb : verb;
	difference->effect = field_effect(field, &diffing->circumstances);
	if (known)
		refuse_what_cannot_be_done(diffing, difference);
}

static void diff_fields(const struct diffing *diffing, const struct type *type, const struct keys *keys,
	const void *want, const void *have, const struct mark *nearest, enum verb verb)
{
	for (int i = 0; i < type->count; i++)
		if (type->fields[i].role == ROLE_COMPARED)
			diff_field(diffing, type, i, keys, want, have, nearest, verb);
}

/* A balloon that is asked for too little kills its guest (docs/xen.md): the floor is ours.
 */
static void refuse_below_floor(const struct diffing *diffing, struct difference *difference, int64_t floor)
{
	const struct DomainSpec *want = diffing->circumstances.want, *have = diffing->circumstances.have;
	if (difference->verb != verb_domain_set_memory || difference->effect != level_live ||
		difference->refused)
		return;
	if (want->memory < have->memory && want->memory < floor) {
		char text[32];
		difference->refused = arena_format(diffing->arena,
			"a live decrease below the host's memoryFloor of %s would kill the guest",
			size_text(floor, text));
	}
}

static void diff_name(
	const struct diffing *diffing, const struct wanted_domain *want, const struct HaveDomain *have)
{
	const struct field *field = &type_DomainSpec.fields[DomainSpec_domainName];
	if (!KNOWN(have, HaveDomain, name) || strcmp(want->xen_name, have->name) == 0)
		return;
	struct difference *difference = difference_add(diffing, "spec.domainName", field);
	difference->want = &want->xen_name;
	difference->have = &have->name;
	difference->at = want->spec->at[DomainSpec_domainName] ? want->spec->at[DomainSpec_domainName]
							       : want->object->at;
	difference->verb = field->verb;
	difference->effect = level_live;
	refuse_what_cannot_be_done(diffing, difference);
	const struct HaveDomain *other = have_domain_named(diffing->have, want->xen_name);
	if (!difference->refused && other && other != have)
		difference->refused = arena_format(diffing->arena,
			"another domain (domid %d) has the name %s", (int)other->domid, want->xen_name);
}

void diff_domain(struct arena *arena, const struct want *want, const struct have *have,
	const struct wanted_domain *domain, const struct HaveDomain *found, struct list *out)
{
	struct diffing diffing = {.arena = arena,
		.want = want,
		.have = have,
		.domain = domain,
		.found = found,
		.out = out,
		.circumstances = {.want = domain->spec,
			.have = found->spec,
			.device_model = KNOWN(found, HaveDomain, deviceModel) && found->deviceModel}};
	if (!KNOWN(found, HaveDomain, spec) || !found->spec) {
		struct difference *difference =
			difference_add(&diffing, "spec", type_field(&type_Domain, "spec"));
		difference->want = &domain->object->domain->spec;
		difference->at = domain->object->at;
		difference->unknown = true;
		return;
	}
	diff_name(&diffing, domain, found);
	const struct keys spec = {.key = "spec"};
	for (int i = 0; i < type_DomainSpec.count; i++) {
		if (type_DomainSpec.fields[i].role != ROLE_COMPARED || i == DomainSpec_domainName)
			continue;
		if (i == DomainSpec_disks)
			diff_disks(&diffing);
		else if (i == DomainSpec_nics)
			diff_nics(&diffing);
		else
			diff_field(&diffing, &type_DomainSpec, i, &spec, domain->spec, found->spec,
				domain->object->at, verb_none);
	}
	for (uint32_t i = 0; i < out->count; i++)
		refuse_below_floor(&diffing, out->item[i], want->host->memoryFloor);
}
