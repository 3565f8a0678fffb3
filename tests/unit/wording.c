/* Sentences about plans: marks, what is not done and why, both sides of a difference, chains. */
#include "face/wording.h"
#include "model/quantity.h"
#include <criterion/criterion.h>
#include <string.h>

static void expect_change(const struct change *change, const char *mark, const char *words)
{
	BUFFER_SCOPED text = {0};

	wording_change(&text, change);
	cr_expect_str_eq(wording_mark(change), mark, "%s", words);
	cr_expect_str_eq(buffer_string(&text), words);
}

Test(wording, changes_say_what_is_done_and_what_is_left)
{
	const struct object subject = {.kind = KIND_DOMAIN};

	expect_change(&(struct change){.kind = CHANGE_CREATE, .subject = &subject}, "+", "create");
	expect_change(
		&(struct change){
			.kind = CHANGE_DESTROY, .blast = level_destroy, .detail = "keeps volume old-xvda"},
		"-", "destroy; keeps volume old-xvda");
	expect_change(&(struct change){.kind = CHANGE_LIVE,
			      .subject = &subject,
			      .reason = "restart required (not allowed: x)"},
		"~", "live; restart required (not allowed: x)");
	expect_change(&(struct change){.kind = CHANGE_BLOCKED,
			      .blast = level_restart,
			      .subject = &subject,
			      .reason = "restart required (not allowed: disruption is live)"},
		"!", "restart required (not allowed: disruption is live)");
	expect_change(&(struct change){.kind = CHANGE_BLOCKED,
			      .blast = level_recreate,
			      .subject = &subject,
			      .reason = "recreate required (not allowed: disruption is live)"},
		"-/+", "recreate required (not allowed: disruption is live)");
	expect_change(&(struct change){.kind = CHANGE_BLOCKED,
			      .blast = level_destroy,
			      .reason = "not removed: it is protected"},
		"-", "blocked: not removed: it is protected");
	expect_change(
		&(struct change){
			.kind = CHANGE_BLOCKED, .subject = &subject, .reason = "bridge br7 is not there"},
		"!", "blocked: bridge br7 is not there");
	expect_change(
		&(struct change){
			.kind = CHANGE_UNKNOWN, .subject = &subject, .reason = "it is being torn down"},
		"?", "unknown: it is being torn down");
	expect_change(&(struct change){.kind = CHANGE_STOP, .subject = &subject}, "!", "stop");
	expect_change(&(struct change){.kind = CHANGE_RECREATE, .subject = &subject}, "-/+", "recreate");
}

Test(wording, reasons_cannot_steer_a_terminal)
{
	expect_change(
		&(struct change){.kind = CHANGE_UNKNOWN, .reason = "a\033[2Jb"}, "?", "unknown: a\\x1b[2Jb");
}

static void expect_difference(const struct difference *difference, const char *words)
{
	BUFFER_SCOPED text = {0};

	wording_difference(&text, difference);
	cr_expect_str_eq(buffer_string(&text), words);
}

Test(wording, both_sides_are_quoted_where_one_needs_it)
{
	const struct field *cmdline = type_field(&type_Boot, "cmdline");
	const char *plain = "ro", *spaced = "ro quiet", *empty = "";

	expect_difference(&(struct difference){.field = cmdline, .have = &plain, .want = &spaced},
		"\"ro\" -> \"ro quiet\"");
	expect_difference(
		&(struct difference){.field = cmdline, .have = &empty, .want = &plain}, "\"\" -> \"ro\"");
	expect_difference(&(struct difference){.field = cmdline, .have = NULL, .want = &plain}, "none -> ro");
	expect_difference(&(struct difference){.field = cmdline, .have = &spaced, .want = NULL},
		"\"ro quiet\" -> none");
	expect_difference(
		&(struct difference){.field = cmdline, .want = &plain, .unknown = true}, "not known -> ro");
}

Test(wording, quantities_stand_in_the_largest_unit)
{
	const int64_t have = 1 * GiB, want = 1536 * MiB;

	expect_difference(
		&(struct difference){
			.field = type_field(&type_DomainSpec, "memory"), .have = &have, .want = &want},
		"1GiB -> 1536MiB");
}

Test(wording, chains_read_bottom_first)
{
	ARENA_SCOPED arena = arena_new();
	BUFFER_SCOPED text = {0};
	struct list chain = {0};
	struct Layer *image = type_new(arena, &type_Layer), *overlay = type_new(arena, &type_Layer);

	image->image = type_new(arena, &type_ImageLayer);
	KNOW(image->image, ImageLayer, name, "debian12");
	image->at[Layer_image] = &mark_derived;
	overlay->overlay = type_new(arena, &type_OverlayLayer);
	KNOW(overlay->overlay, OverlayLayer, size, 10 * GiB);
	overlay->at[Layer_overlay] = &mark_derived;
	list_add(arena, &chain, image);
	list_add(arena, &chain, overlay);
	wording_chain(&text, &chain);
	cr_assert_str_eq(buffer_string(&text), "image debian12 <- overlay qcow2 10GiB");
}

Test(wording, paths_and_names_lose_what_everybody_knows)
{
	cr_assert_str_eq(wording_path("spec.memory"), "memory");
	cr_assert_str_eq(wording_path("metadata.name"), "metadata.name");
	cr_assert_str_eq(wording_name("Volume/pg-data"), "pg-data");
}
