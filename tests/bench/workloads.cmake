# Every workload of millrace-bench once, small, with both guarantees: each verifies its own output and fails if it is wrong.
file(REMOVE_RECURSE ${DIR})
file(MAKE_DIRECTORY ${DIR})
foreach(workload map count window wordcount join)
  foreach(guarantee at_least_once exactly_once_v2)
    execute_process(COMMAND ${BENCH} streams --workload ${workload} --records 30000 --keys 2000 --guarantee ${guarantee} --dir ${DIR}
                    --flush os OUTPUT_VARIABLE line ERROR_VARIABLE why RESULT_VARIABLE code)
    if(NOT code EQUAL 0 OR NOT line MATCHES "\"verified\":true")
      message(FATAL_ERROR "${workload}, ${guarantee}: ${line}${why}")
    endif()
  endforeach()
endforeach()
file(REMOVE_RECURSE ${DIR})
