/* gc: what of ours nothing wants any more, as a table or as JSON; deleted when told to. What is deleted goes
 * the way of `apply`: the same guards, limits, consent, journal and result, only that the plan is of
 * collecting and not of the manifests' wishes. */
#include "face/apply.h"
#include "face/gc_print.h"
#include "face/log.h"
#include "face/plan_print.h"
#include "face/wording.h"
#include "storage/digest.h"
#include <errno.h>
#include <string.h>

/* garbage NULL: it is not known. */
static void list_json(const struct session *session, const struct list *garbage, const struct list *digests)
{
	struct json json = json_to_file(stdout, true);

	json_open_object(&json, NULL);
	json_int(&json, "formatVersion", 1);
	gc_json(&json, garbage);
	gc_json_digests(&json, digests);
	json_key(&json, "diagnostics");
	report_json(session->report, &json);
	json_close(&json, '}');
	json_end(&json);
}

/* Digests in the state folder that no manifest has a use for: what was computed can be computed again, so
 * they are no objects of a plan. None while any manifest is broken: it may name them. */
static struct list find_digests(const struct session *session)
{
	struct list all = {0}, unused = {0};

	if (session->driver == &host_snapshot || !session->want->complete)
		return unused;
	if (!digest_list(session->arena, session->state_dir, &all))
		report_warn(session->report, NULL, NULL, NULL, "digests in %s/images cannot be listed: %s",
			session->state_dir, strerror(errno));
	for (uint32_t i = 0; i < all.count; i++) {
		if (!want_object(session->want, KIND_IMAGE, all.item[i]))
			list_add(session->arena, &unused, all.item[i]);
	}
	return unused;
}

static void remove_digests(const struct session *session)
{
	const struct list names = find_digests(session);

	for (uint32_t i = 0; i < names.count; i++) {
		const char *name = names.item[i];

		if (digest_remove(session->state_dir, name))
			log_line(session->options, LOG_INFO, "the digest of image %s is removed", name);
		else
			report_warn(session->report, NULL, NULL, NULL,
				"the digest of image %s could not be removed: %s", name, strerror(errno));
	}
}

/* Nothing is said of volumes that could not be seen. */
static bool find_volumes(struct session *session)
{
	if (!session_observe(session))
		return false;
	return session->have->storage_known ||
	       report_error(session->report, NULL, NULL, NULL, "volumes could not be listed: %s",
		       session->have->why_unknown ? session->have->why_unknown
						  : "nothing says which there are");
}

static enum exit_code judge(const struct session *session)
{
	return session->broken ? EXIT_ERROR : EXIT_DONE;
}

/* What is not in the list is there all the same, or is not there at all. */
static bool tell_absent(const struct session *session, const struct list *garbage, const char *name)
{
	const struct list *volumes = &session->have->found->volumes;
	const char **names = arena_array(session->arena, const char *, garbage->count);
	const char *nearest;

	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct HaveVolume *volume = volumes->item[i];
		const struct wanted_volume *wanted;

		if (!text_equal(volume->name, name) && !text_equal(volume->uid, name))
			continue;
		wanted = want_volume(session->want, volume->uid);
		return report_error(session->report, wanted ? wanted->at : NULL,
			arena_format(session->arena, "Volume/%s", name),
			wanted ? "gc deletes only what nothing wants: take it out of its manifest first"
			       : "`apply` removes its domain first",
			wanted ? "it is wanted" : "its domain is still there");
	}
	for (uint32_t i = 0; i < garbage->count; i++)
		names[i] = wording_name(((const struct garbage *)garbage->item[i])->object);
	nearest = text_nearest(name, names, garbage->count);
	return report_error(session->report, NULL, arena_format(session->arena, "Volume/%s", name),
		nearest ? arena_format(session->arena, "did you mean '%s'?", nearest)
			: "`gc` lists what may be deleted",
		"there is no such volume");
}

/* The uid of the one volume that is meant; NULL after a diagnostic. */
static const char *uid_named(const struct session *session, const struct list *garbage, const char *name)
{
	const struct garbage *found = NULL;

	for (uint32_t i = 0; i < garbage->count; i++) {
		const struct garbage *one = garbage->item[i];

		if (text_equal(one->volume->uid, name))
			return one->volume->uid;
		if (!text_equal(one->volume->name, name))
			continue;
		if (found) {
			report_error(session->report, NULL, arena_format(session->arena, "Volume/%s", name),
				"say its uid", "several volumes bear this name: %s and %s",
				found->volume->uid, one->volume->uid);
			return NULL;
		}
		found = one;
	}
	if (found)
		return found->volume->uid;
	(void)tell_absent(session, garbage, name);
	return NULL;
}

static struct plan *look(struct session *session, const struct collect_options *collect)
{
	const struct plan_options options = {.collect = collect, .consent = session->options->consent};

	return plan_make(session->want, session->have, &options, session->report);
}

/* The uids of what --delete-retained names; false after diagnostics. */
static bool find_asked(struct session *session, struct collect_options *asked)
{
	const struct options *options = session->options;
	const struct collect_options nothing = {0};
	const char **uids = arena_array(session->arena, const char *, options->retained_count);
	struct plan *plan = look(session, &nothing);
	bool good = true;

	for (size_t i = 0; i < options->retained_count; i++) {
		/* the plan's texts go with it, those of HAVE with the next look */
		const char *uid = uid_named(session, &plan->garbage, options->retained[i]);

		uids[i] = arena_text(session->arena, uid);
		good &= uid != NULL;
	}
	plan_free(plan);
	*asked = (struct collect_options){
		.leftovers = options->delete, .uids = uids, .uid_count = options->retained_count};
	return good;
}

/* What would be done, as `plan` shows it. */
static enum exit_code show(struct session *session, const struct collect_options *asked)
{
	struct plan *plan = look(session, asked);
	const struct plan_view view = {
		.plan = plan,
		.want = session->want,
		.have = session->have,
		.report = session->report,
		.color = session->options->output == OUTPUT_TEXT && log_color(session->options, stdout),
	};
	struct json json = json_to_file(stdout, true);

	if (session->options->output == OUTPUT_JSON) {
		plan_json(&json, NULL, &view);
		json_end(&json);
	} else
		plan_text(stdout, &view);
	command_flush(session->invocation);
	plan_notes(session->options, plan);
	plan_free(plan);
	return judge(session);
}

static enum exit_code list(struct session *session)
{
	const struct list digests = find_digests(session);
	const struct collect_options nothing = {0};
	struct plan *plan = look(session, &nothing);

	if (session->options->output == OUTPUT_JSON)
		list_json(session, &plan->garbage, &digests);
	else {
		gc_text(stdout, session->arena, &plan->garbage);
		gc_text_digests(stdout, &digests);
	}
	plan_free(plan);
	return judge(session);
}

static enum exit_code list_unknown(const struct session *session)
{
	const struct list none = {0};

	if (session->options->output == OUTPUT_JSON)
		list_json(session, NULL, &none);
	return EXIT_ERROR;
}

enum exit_code command_gc(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	const struct options *options = &invocation->options;
	const bool deletes = options->delete || options->retained_count;
	struct collect_options asked = {0};
	enum exit_code code = EXIT_DONE;

	if (!deletes && options->given & (OPTION(DRY_RUN) | OPTION(CONSENT) | OPTION(TIMEOUT)))
		return command_refuse(invocation,
			"--dry-run, --consent and --timeout go with --delete or --delete-retained");
	code = session_open(&session, deletes && !options->dry_run);
	if (code != EXIT_DONE)
		return deletes ? apply_refuse(&session, code) : code;
	session_load(&session, options->operands, options->operand_count);
	if (!find_volumes(&session))
		return deletes ? apply_refuse(&session, EXIT_ERROR) : list_unknown(&session);
	if (!deletes)
		return list(&session);
	if (!find_asked(&session, &asked))
		return apply_refuse(&session, EXIT_ERROR);
	if (options->dry_run)
		return show(&session, &asked);
	if (options->delete)
		remove_digests(&session);
	return apply_plan(&session, &(struct plan_options){.collect = &asked, .consent = options->consent});
}
