/* What holds for every plan, whatever is wanted and found. The cases of tests/golden are the inputs, each
 * under the mildest and under the most permissive options: actions come after what they need, the same inputs
 * give the same plan, nothing that is read is changed, and nothing is destroyed or deleted that must not be.
 */
#include "face/plan_print.h"
#include "face/snapshot_json.h"
#include "have/observe.h"
#include "scratch.h"
#include "want/load.h"
#include <glob.h>

/* One case: the absolute path of its folder stands for @ROOT@ in what is found. */
struct scene {
	const char *name;
	struct report *report;
	struct arena *arena;
	struct host *host;
	struct want *want;
	struct have *have;
};

static char *with_root(struct arena *arena, const char *text, const char *root)
{
	BUFFER_SCOPED out = {0};
	for (const char *at; (at = strstr(text, "@ROOT@")); text = at + strlen("@ROOT@")) {
		buffer_bytes(&out, text, (size_t)(at - text));
		buffer_text(&out, root);
	}
	buffer_text(&out, text);
	return arena_text(arena, buffer_string(&out));
}

static struct scene scene_make(const char *folder)
{
	struct scene scene = {.name = strrchr(folder, '/') + 1, .report = report_new(), .arena = arena_new()};
	const char *root = file_absolute(scene.arena, folder);
	const char *config = arena_format(scene.arena, "%s/host.yaml", folder);
	const char *path = arena_format(scene.arena, "%s/want", folder);
	size_t size;
	char *text =
		file_read(scene.arena, arena_format(scene.arena, "%s/have.json", folder), 1 << 20, &size);
	cr_assert_not_null(text, "%s", folder);
	const char *snapshot = arena_format(scene.arena, "/tmp/xensteer-decide-%d.json", (int)getpid());
	scratch_write(snapshot, with_root(scene.arena, text, root));
	/* a copy, because whoever unpacked the tree may have left it writable by others, which settings must
	 * not be */
	const char *settings = arena_format(scene.arena, "/tmp/xensteer-decide-%d.yaml", (int)getpid());
	char *words = file_read(scene.arena, config, 1 << 20, &size);
	if (words) {
		scratch_write(settings, words);
		cr_assert_eq(chmod(settings, 0644), 0);
	}
	struct HostSpec *host = host_settings(scene.arena, words ? settings : NULL, scene.report);
	unlink(settings);
	cr_assert_not_null(host, "%s", folder);
	if (access(path, F_OK) != 0)
		path = arena_format(scene.arena, "%s/want.yaml", folder);
	scene.want = want_load(&(struct load_options){.paths = &path,
				       .path_count = 1,
				       .host = host,
				       .owner = "default",
				       .host_name = "dom0"},
		scene.report);
	scene.host = host_snapshot.open(
		&(struct host_options){.target = snapshot, .owner = "default"}, scene.report);
	unlink(snapshot);
	cr_assert_not_null(scene.host, "%s", folder);
	scene.have = observe(
		&(struct observer){
			.host = scene.host, .storage = host_snapshot.storage(scene.host), .owner = "default"},
		scene.want, scene.report);
	return scene;
}

static void scene_drop(struct scene *scene)
{
	want_free(scene->want);
	have_free(scene->have);
	host_snapshot.close(scene->host);
	report_free(scene->report);
	arena_free(scene->arena);
}

static void plan_drop(struct plan **plan)
{
	plan_free(*plan);
}
#define PLAN_SCOPED __attribute__((cleanup(plan_drop))) struct plan *

static const struct plan_options permissions[] = {
	{.prune = true},
	{.prune = true, .allow = level_restart},
	{.prune = true, .allow = level_data_loss, .take_over = true},
};

/* Runs the check over every case and every permission. */
static void each_plan(void (*check)(const struct scene *, const struct plan *, const struct plan_options *))
{
	glob_t cases;
	cr_assert_eq(glob("tests/golden/*/have.json", 0, NULL, &cases), 0);
	cr_assert_gt(cases.gl_pathc, 100);
	for (size_t i = 0; i < cases.gl_pathc; i++) {
		*strrchr(cases.gl_pathv[i], '/') = '\0';
		struct scene scene = scene_make(cases.gl_pathv[i]);
		for (size_t k = 0; k < sizeof permissions / sizeof *permissions; k++) {
			PLAN_SCOPED plan = plan_make(scene.want, scene.have, &permissions[k], scene.report);
			check(&scene, plan, &permissions[k]);
			/* what the caps hold back is looked at as well */
			struct plan_options consenting = permissions[k];
			char digest[sizeof plan->digest];
			strcpy(digest, plan->digest);
			consenting.consent = digest;
			PLAN_SCOPED all = plan_make(scene.want, scene.have, &consenting, scene.report);
			cr_expect_str_eq(all->digest, digest, "%s: consent changes no digest", scene.name);
			check(&scene, all, &consenting);
		}
		scene_drop(&scene);
	}
	globfree(&cases);
}

static const struct action *action_of(const struct plan *plan, uint32_t id)
{
	return plan->actions.item[id - 1];
}

static void is_in_order(
	const struct scene *scene, const struct plan *plan, const struct plan_options *options)
{
	(void)options;
	for (uint32_t i = 0; i < plan->actions.count; i++) {
		const struct action *action = plan->actions.item[i];
		cr_expect_eq(action->id, i + 1, "%s: ids are places", scene->name);
		for (uint32_t k = 0; k < action->needs_count; k++)
			cr_expect(action->needs[k] && action->needs[k] < action->id, "%s: a%u needs a%u",
				scene->name, action->id, action->needs[k]);
	}
}

Test(decide, actions_come_after_what_they_need)
{
	each_plan(is_in_order);
}

static void is_consistent(
	const struct scene *scene, const struct plan *plan, const struct plan_options *options)
{
	(void)options;
	uint32_t listed = 0, counted = 0;
	const char *last = "";
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];
		cr_expect_lt(strcmp(last, change->object), 0, "%s: %s stands once, in order", scene->name,
			change->object);
		last = change->object;
		const bool nothing = change->kind == CHANGE_BLOCKED || change->kind == CHANGE_UNKNOWN;
		cr_expect_eq(nothing, !change->actions.count, "%s: %s is %s, with %u actions", scene->name,
			change->object, change_name[change->kind], change->actions.count);
		if (nothing)
			cr_expect_not_null(
				change->reason, "%s: %s says why not", scene->name, change->object);
		for (uint32_t k = 0; k < change->actions.count; k++) {
			const struct action *action = change->actions.item[k];
			cr_expect_eq(action, action_of(plan, action->id));
			cr_expect_str_eq(action->change, change->object);
			cr_expect(k == 0 || action->id > ((struct action *)change->actions.item[k - 1])->id,
				"%s: %s lists its actions in execution order", scene->name, change->object);
		}
		listed += change->actions.count;
	}
	cr_expect_eq(listed, plan->actions.count, "%s: every action is part of one change", scene->name);
	for (int kind = 0; kind < CHANGE_KINDS; kind++)
		counted += plan->summary.count[kind];
	cr_expect_eq(counted, plan->changes.count, "%s: the summary counts the changes", scene->name);
}

Test(decide, every_action_is_part_of_one_change)
{
	each_plan(is_consistent);
}

static char *printed(const struct scene *scene, const struct plan *plan)
{
	REPORT_SCOPED none = report_new();
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, true);
	plan_json(&json, NULL,
		&(struct plan_view){.plan = plan, .want = scene->want, .have = scene->have, .report = none});
	return arena_text(scene->arena, buffer_string(&out));
}

static char *found(const struct scene *scene)
{
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	snapshot_json(&json, scene->have, true);
	return arena_text(scene->arena, buffer_string(&out));
}

static void is_the_same_again(
	const struct scene *scene, const struct plan *plan, const struct plan_options *options)
{
	const char *first = printed(scene, plan), *before = found(scene);
	PLAN_SCOPED again = plan_make(scene->want, scene->have, options, scene->report);
	cr_expect_str_eq(printed(scene, again), first, "%s", scene->name);
	cr_expect_str_eq(found(scene), before, "%s: what was found is only read", scene->name);
}

Test(decide, the_same_inputs_give_the_same_plan)
{
	each_plan(is_the_same_again);
}

/* Does an action come after one that takes a domain's disks away, or this one disk? */
static bool follows_release(const struct plan *plan, const struct action *action,
	const struct HaveDomain *domain, const char *target)
{
	for (uint32_t i = 0; i < action->needs_count; i++) {
		const struct action *needed = action_of(plan, action->needs[i]);
		if ((needed->verb == verb_domain_destroy && needed->have == domain) ||
			(needed->verb == verb_disk_detach && needed->have == domain &&
				text_equal(needed->disk->target, target)) ||
			follows_release(plan, needed, domain, target))
			return true;
	}
	return false;
}

static void deletes_rightly(const struct scene *scene, const struct plan *plan, const struct action *action)
{
	const struct HaveVolume *volume = action->have_volume;
	cr_assert_not_null(volume->label, "%s: %s", scene->name, action->text);
	cr_expect(KNOWN(volume->label, Label, reclaim) && volume->label->reclaim == reclaim_Delete,
		"%s: %s, whose label does not say Delete", scene->name, action->text);
	cr_expect_not(volume->label->protect, "%s: %s, which is protected", scene->name, action->text);
	cr_expect_str_eq(volume->label->owner, "default", "%s: %s", scene->name, action->text);
	cr_expect(KNOWN(volume, HaveVolume, state) && volume->state != volume_state_broken,
		"%s: %s, which may be another", scene->name, action->text);
	cr_expect_null(
		want_volume(scene->want, volume->uid), "%s: %s, which is wanted", scene->name, action->text);
	for (uint32_t i = 0; i < scene->have->found->domains.count; i++) {
		const struct HaveDomain *domain = scene->have->found->domains.item[i];
		const struct list *disks = domain->spec ? &domain->spec->disks : NULL;
		if (!disks)
			cr_expect(follows_release(plan, action, domain, NULL), "%s: %s, which %s may have",
				scene->name, action->text, domain->name);
		for (uint32_t k = 0; disks && k < disks->count; k++) {
			const struct Disk *disk = disks->item[k];
			for (uint32_t l = 0; l < volume->chain.count; l++)
				if (text_equal(
					    disk->target, ((struct LayerFound *)volume->chain.item[l])->path))
					cr_expect(follows_release(plan, action, domain, disk->target),
						"%s: %s, which %s has", scene->name, action->text,
						domain->name);
		}
	}
}

static void destroys_rightly(const struct scene *scene, const struct action *action)
{
	const struct HaveDomain *domain = action->have;
	cr_expect(KNOWN(domain, HaveDomain, owned) && domain->owned, "%s: %s, which is not ours", scene->name,
		action->text);
	cr_expect(!domain->mark || text_equal(domain->mark->owner, "default"), "%s: %s of another owner",
		scene->name, action->text);
	cr_expect(KNOWN(domain, HaveDomain, power) && domain->power != found_power_Dying,
		"%s: %s, whose state is not known", scene->name, action->text);
	cr_expect(domain->power != found_power_Paused || KNOWN(domain, HaveDomain, halfBuilt),
		"%s: %s, which somebody may be building", scene->name, action->text);
	cr_expect(domain->power != found_power_Stopped || !KNOWN(domain, HaveDomain, ended) ||
			  domain->ended != ended_suspend,
		"%s: %s, whose memory would be lost", scene->name, action->text);
}

static void destroys_nothing_it_must_not(
	const struct scene *scene, const struct plan *plan, const struct plan_options *options)
{
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];
		const struct Record *mark = change->have ? change->have->mark : NULL;
		if (change->kind == CHANGE_DESTROY) {
			cr_expect(scene->want->complete, "%s: %s goes, the source is not whole", scene->name,
				change->object);
			cr_expect(!mark || !mark->protect, "%s: %s goes, it is protected", scene->name,
				change->object);
			cr_expect(scene->have->known && scene->have->storage_known, "%s: %s goes unseen",
				scene->name, change->object);
		}
		/* its manifest is there and may take protection back; not by giving the name to another uid
		 */
		if (change->kind == CHANGE_RECREATE)
			cr_expect(!change->subject->domain->metadata->protect &&
					  (!mark || !mark->protect ||
						  strcmp(change->have->uuid, change->domain->uid) == 0),
				"%s: %s is made anew, it is protected", scene->name, change->object);
		for (uint32_t k = 0; k < change->actions.count; k++) {
			const struct action *action = change->actions.item[k];
			if (action->verb == verb_domain_destroy || action->verb == verb_domain_shutdown)
				destroys_rightly(scene, action);
			if (action->verb == verb_volume_remove)
				deletes_rightly(scene, plan, action);
			if (!options->take_over && mark && mark->source && change->subject &&
				!change->subject->root->is_file)
				cr_expect_str_eq(mark->source, change->subject->root->path,
					"%s: %s belongs to other manifests", scene->name, action->text);
		}
	}
}

Test(decide, nothing_is_destroyed_that_must_not_be)
{
	each_plan(destroys_nothing_it_must_not);
}

static void only_does_no_more(
	const struct scene *scene, const struct plan *plan, const struct plan_options *options)
{
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		struct plan_options narrow = *options;
		narrow.only = ((const struct change *)plan->changes.item[i])->object;
		narrow.consent = NULL;
		PLAN_SCOPED one = plan_make(scene->want, scene->have, &narrow, scene->report);
		cr_expect_leq(one->changes.count, 1, "%s: --only %s", scene->name, narrow.only);
		for (uint32_t k = 0; k < one->changes.count; k++) {
			const struct change *change = one->changes.item[k];
			cr_expect_str_eq(change->object, narrow.only, "%s", scene->name);
			cr_expect_neq(change->kind, CHANGE_DESTROY, "%s: --only %s prunes", scene->name,
				narrow.only);
		}
	}
}

Test(decide, only_never_prunes_and_touches_one_object)
{
	each_plan(only_does_no_more);
}

static bool is_held(const struct scene *scene, const struct HaveVolume *volume)
{
	for (uint32_t i = 0; i < scene->have->found->domains.count; i++) {
		const struct HaveDomain *domain = scene->have->found->domains.item[i];
		if (!domain->spec || !KNOWN(domain->spec, DomainSpec, disks))
			return true;
		for (uint32_t k = 0; k < domain->spec->disks.count; k++) {
			const struct Disk *disk = domain->spec->disks.item[k];
			for (uint32_t l = 0; l < volume->chain.count; l++) {
				const struct LayerFound *layer = volume->chain.item[l];
				if (!text_equal(layer->layer, "image") && disk->target &&
					text_equal(disk->target, layer->path))
					return true;
			}
		}
	}
	return false;
}

static bool was_given(const struct scene *scene, const char *source)
{
	for (uint32_t i = 0; i < scene->want->roots.count; i++) {
		const struct source_root *root = scene->want->roots.item[i];
		if (!root->is_file && text_equal(root->path, source))
			return true;
	}
	return false;
}

static void collects_rightly(const struct scene *scene, const struct action *action)
{
	const struct HaveVolume *volume = action->have_volume;
	cr_assert(action->verb == verb_volume_remove || action->verb == verb_volume_close, "%s: %s",
		scene->name, action->text);
	cr_assert_not_null(volume->label, "%s: %s", scene->name, action->text);
	cr_expect_str_eq(volume->label->owner, "default", "%s: %s", scene->name, action->text);
	cr_expect(was_given(scene, volume->label->source), "%s: %s, of other manifests", scene->name,
		action->text);
	cr_expect_not(volume->label->protect, "%s: %s, which is protected", scene->name, action->text);
	cr_expect(KNOWN(volume, HaveVolume, state) && volume->state != volume_state_broken,
		"%s: %s, which may be another", scene->name, action->text);
	cr_expect_not(
		want_names(scene->want, volume->uid), "%s: %s, which is wanted", scene->name, action->text);
	cr_expect_null(
		want_volume(scene->want, volume->uid), "%s: %s, which is wanted", scene->name, action->text);
	cr_expect_not(is_held(scene, volume), "%s: %s, which a guest has", scene->name, action->text);
}

/* Whatever is asked for: all volumes that there are, with the consent that it takes. */
static void collects_nothing_it_must_not(
	const struct scene *scene, const struct plan *plan, const struct plan_options *options)
{
	const struct list *volumes = &scene->have->found->volumes;
	const char **uids = arena_array(plan->arena, const char *, volumes->count);
	struct collect_options all = {.leftovers = true, .uids = uids};
	struct plan_options asked = {.collect = &all};
	char digest[sizeof plan->digest];
	(void)options;
	for (uint32_t i = 0; i < volumes->count; i++)
		uids[all.uid_count++] = ((const struct HaveVolume *)volumes->item[i])->uid;
	PLAN_SCOPED seen = plan_make(scene->want, scene->have, &asked, scene->report);
	strcpy(digest, seen->digest);
	asked.consent = digest;
	PLAN_SCOPED deleting = plan_make(scene->want, scene->have, &asked, scene->report);
	for (uint32_t i = 0; i < deleting->actions.count; i++)
		collects_rightly(scene, deleting->actions.item[i]);
	cr_expect(scene->want->complete || !deleting->actions.count, "%s: the source is not whole",
		scene->name);
	for (uint32_t i = 0; i < deleting->garbage.count; i++) {
		const struct garbage *garbage = deleting->garbage.item[i];
		cr_expect(garbage->kept || scene->want->complete, "%s: %s may go", scene->name,
			garbage->object);
	}

	static const struct collect_options nothing;
	const struct plan_options looking = {.collect = &nothing};
	PLAN_SCOPED list = plan_make(scene->want, scene->have, &looking, scene->report);
	cr_expect_eq(list->changes.count, 0, "%s: nothing was asked for", scene->name);
	cr_expect_eq(list->garbage.count, deleting->garbage.count, "%s", scene->name);
}

Test(decide, nothing_is_collected_that_must_not_be)
{
	each_plan(collects_nothing_it_must_not);
}

Test(decide, a_host_that_was_not_seen_is_left_alone)
{
	struct scene scene = scene_make("tests/golden/text-of-a-whole-host");
	scene.have->known = false;
	PLAN_SCOPED plan = plan_make(scene.want, scene.have, &permissions[2], scene.report);
	cr_expect_eq(plan->actions.count, 0);
	cr_expect_eq(plan->summary.count[CHANGE_UNKNOWN], scene.want->domains.count);
	cr_expect_not(plan_empty(plan));
	scene_drop(&scene);
}
