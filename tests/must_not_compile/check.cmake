# Compiles SOURCE twice: as it is, which must work, and with JAMMI_MUST_NOT_COMPILE, which must fail
# with a message that matches EXPECT. The first proves that the second fails for the right reason.
# Input: COMPILER, FLAGS, SOURCE, EXPECT.
set(compile ${COMPILER} ${FLAGS} -fsyntax-only ${SOURCE})
execute_process(COMMAND ${compile} RESULT_VARIABLE code ERROR_VARIABLE text)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the twin that must compile does not:\n${text}")
endif()
execute_process(COMMAND ${compile} -DJAMMI_MUST_NOT_COMPILE RESULT_VARIABLE code ERROR_VARIABLE text)
if(code EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, and must not")
endif()
if(NOT text MATCHES "${EXPECT}")
  message(FATAL_ERROR "${SOURCE} does not compile, but not because of '${EXPECT}':\n${text}")
endif()
